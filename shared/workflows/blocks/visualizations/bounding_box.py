"""Draw a box around each detection."""

from __future__ import annotations

from typing import Any

import supervision as sv

from shared.workflows.blocks.visualizations._drawing import PaletteDrawing, Visualization, canvas, lookup, palette
from shared.workflows.fields import FractionRef, IntRef
from shared.workflows.images import WorkflowImage


class BoundingBox(Visualization):
    """Corners are square, or round by a share of the shorter side."""

    ids = ("roboflow_core/bounding_box_visualization@v1", "BoundingBoxVisualization")
    label = "Bounding Box Visualization"
    summary = "Draw a box around each detection."

    class Fields(PaletteDrawing):
        """``thickness`` in pixels, ``roundness`` from 0 to 1."""

        thickness: int | IntRef = 2
        roundness: float | FractionRef = 0.0

    def run(
        self, image: WorkflowImage, predictions: sv.Detections, thickness: int, roundness: float, **style: Any
    ) -> dict[str, Any]:
        """The drawn image."""
        colors = palette(style["color_palette"], style["palette_size"], style["custom_colors"])
        chosen: dict[str, Any] = {"color": colors, "color_lookup": lookup(style["color_axis"]), "thickness": thickness}
        annotator: Any = sv.BoxAnnotator(**chosen)
        if roundness:
            annotator = sv.RoundBoxAnnotator(**chosen, roundness=roundness)
        drawn = annotator.annotate(canvas(image, style["copy_image"]), predictions)
        return {"image": image.replaced(drawn)}
