"""Draw a dot for each detection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import supervision as sv
from typing_extensions import override

from shared.workflows.blocks.visualizations._drawing import Anchor, Annotation, PaletteDrawing, position, style
from shared.workflows.fields import IntRef, StrRef


class Dot(Annotation):
    """At one of the anchors of the box."""

    ids = ("roboflow_core/dot_visualization@v1", "DotVisualization")
    label = "Dot Visualization"
    summary = "Draw a dot for each detection."

    class Fields(PaletteDrawing):
        """Radius and outline in pixels."""

        position: Anchor | StrRef = "CENTER"
        radius: int | IntRef = 4
        outline_thickness: int | IntRef = 0

    @override
    def annotator(self, values: Mapping[str, Any]) -> Any:
        """Dots."""
        return sv.DotAnnotator(
            **style(values),
            position=position(values["position"]),
            radius=values["radius"],
            outline_thickness=values["outline_thickness"],
        )
