"""Paint the mask of each detection."""

from __future__ import annotations

from typing import Annotated, Any

import supervision as sv

from shared.workflows import kinds
from shared.workflows.blocks.visualizations._drawing import PaletteDrawing, Visualization, canvas, masked, style
from shared.workflows.fields import FractionRef, Selector
from shared.workflows.images import WorkflowImage


class Mask(Visualization):
    """Small masks lie over large ones. Detections without masks are painted as boxes."""

    ids = ("roboflow_core/mask_visualization@v1", "MaskVisualization")
    label = "Mask Visualization"
    summary = "Paint the mask of each detection."

    class Fields(PaletteDrawing):
        """``opacity`` from 0 to 1."""

        predictions: Annotated[str, Selector(kinds.INSTANCES, kinds.RLE_INSTANCES, kinds.SEMANTIC)]
        opacity: float | FractionRef = 0.5

    def run(self, image: WorkflowImage, predictions: sv.Detections, opacity: float, **values: Any) -> dict[str, Any]:
        """The painted image."""
        drawn = canvas(image)
        if len(predictions):
            paint = sv.MaskAnnotator(**style(values), opacity=opacity)
            drawn = paint.annotate(drawn, masked(predictions, image.size))
        return {"image": image.replaced(drawn)}
