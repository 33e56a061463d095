"""Draw a triangle for each detection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import supervision as sv
from typing_extensions import override

from shared.workflows.blocks.visualizations._drawing import Anchor, Annotation, PaletteDrawing, position, style
from shared.workflows.fields import IntRef, StrRef


class Triangle(Annotation):
    """It points down at one of the anchors of the box."""

    ids = ("roboflow_core/triangle_visualization@v1", "TriangleVisualization")
    label = "Triangle Visualization"
    summary = "Draw a small triangle for each detection."

    class Fields(PaletteDrawing):
        """Base, height and outline in pixels."""

        position: Anchor | StrRef = "TOP_CENTER"
        base: int | IntRef = 10
        height: int | IntRef = 10
        outline_thickness: int | IntRef = 0

    @override
    def annotator(self, values: Mapping[str, Any]) -> Any:
        """Triangles."""
        return sv.TriangleAnnotator(
            **style(values),
            position=position(values["position"]),
            base=values["base"],
            height=values["height"],
            outline_thickness=values["outline_thickness"],
        )
