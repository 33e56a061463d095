"""Draw a box around each detection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import supervision as sv
from typing_extensions import override

from shared.workflows.blocks.visualizations._drawing import Annotation, PaletteDrawing, style
from shared.workflows.fields import FractionRef, IntRef


class BoundingBox(Annotation):
    """Corners are square, or round by a share of the shorter side."""

    ids = ("roboflow_core/bounding_box_visualization@v1", "BoundingBoxVisualization")
    label = "Bounding Box Visualization"
    summary = "Draw a box around each detection."

    class Fields(PaletteDrawing):
        """``thickness`` in pixels, ``roundness`` from 0 to 1."""

        thickness: int | IntRef = 2
        roundness: float | FractionRef = 0.0

    @override
    def annotator(self, values: Mapping[str, Any]) -> Any:
        """Boxes with square or round corners."""
        if values["roundness"]:
            return sv.RoundBoxAnnotator(
                **style(values), thickness=values["thickness"], roundness=min(1.0, values["roundness"])
            )
        return sv.BoxAnnotator(**style(values), thickness=values["thickness"])
