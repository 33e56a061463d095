"""Draw a circle around each detection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import supervision as sv
from typing_extensions import override

from shared.workflows.blocks.visualizations._drawing import Annotation, PaletteDrawing, style
from shared.workflows.fields import IntRef


class Circle(Annotation):
    """The circle goes through the corners of the box."""

    ids = ("roboflow_core/circle_visualization@v1", "CircleVisualization")
    label = "Circle Visualization"
    summary = "Draw a circle around each detection."

    class Fields(PaletteDrawing):
        """``thickness`` in pixels."""

        thickness: int | IntRef = 2

    @override
    def annotator(self, values: Mapping[str, Any]) -> Any:
        """Circles."""
        return sv.CircleAnnotator(**style(values), thickness=values["thickness"])
