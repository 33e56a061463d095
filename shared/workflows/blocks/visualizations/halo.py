"""Draw a glow around each mask."""

from __future__ import annotations

from typing import Annotated, Any

import supervision as sv

from shared.workflows import kinds
from shared.workflows.blocks.visualizations._drawing import PaletteDrawing, Visualization, canvas, masked, style
from shared.workflows.fields import FractionRef, IntRef, Selector
from shared.workflows.images import WorkflowImage


class HaloFields(PaletteDrawing):
    """``kernel_size`` is about the width of the glow in pixels."""

    predictions: Annotated[str, Selector(kinds.INSTANCES, kinds.RLE_INSTANCES)]
    opacity: float | FractionRef = 0.8
    kernel_size: int | IntRef = 40


class DrawHalo(Visualization):
    """Base of the versions. The glow lies outside of the masks. Detections without masks glow around their boxes."""

    label = "Halo Visualization"
    summary = "Draw a glow around each detection."

    def run(self, image: WorkflowImage, predictions: sv.Detections, **values: Any) -> dict[str, Any]:
        """The drawn image."""
        drawn = canvas(image)
        if len(predictions):
            glow = sv.HaloAnnotator(
                **style(values), opacity=values["opacity"], kernel_size=max(1, values["kernel_size"])
            )
            drawn = glow.annotate(drawn, masked(predictions, image.size))
        return {"image": image.replaced(drawn)}


class HaloV1(DrawHalo):
    """The glow lies outside of the masks. Detections without masks glow around their boxes."""

    ids = ("roboflow_core/halo_visualization@v1", "HaloVisualization")
    Fields = HaloFields


class HaloV2(DrawHalo):
    """As version 1, which leaves nothing to repair here."""

    ids = ("roboflow_core/halo_visualization@v2",)
    Fields = HaloFields
