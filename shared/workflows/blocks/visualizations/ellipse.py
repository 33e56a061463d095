"""Draw an ellipse under each detection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import supervision as sv
from typing_extensions import override

from shared.workflows.blocks.visualizations._drawing import Annotation, PaletteDrawing, style
from shared.workflows.fields import IntRef


class Ellipse(Annotation):
    """A flat ellipse at the foot of the box, as around players on a field."""

    ids = ("roboflow_core/ellipse_visualization@v1", "EllipseVisualization")
    label = "Ellipse Visualization"
    summary = "Draw an ellipse at the foot of each detection."

    class Fields(PaletteDrawing):
        """Thickness in pixels, angles in degrees."""

        thickness: int | IntRef = 2
        start_angle: int | IntRef = -45
        end_angle: int | IntRef = 235

    @override
    def annotator(self, values: Mapping[str, Any]) -> Any:
        """Ellipses."""
        return sv.EllipseAnnotator(
            **style(values),
            thickness=values["thickness"],
            start_angle=values["start_angle"],
            end_angle=values["end_angle"],
        )
