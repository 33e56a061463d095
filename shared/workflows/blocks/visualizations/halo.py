"""Draw a glow around each mask."""

from __future__ import annotations

from typing import Annotated, Any

import cv2
import numpy as np
import supervision as sv

from shared.workflows import kinds
from shared.workflows.blocks.visualizations._drawing import PaletteDrawing, Visualization, canvas, masked, style
from shared.workflows.fields import FractionRef, IntRef, Selector
from shared.workflows.images import Pixels, WorkflowImage
from shared.workflows.vision.pixels import u8


class HaloFields(PaletteDrawing):
    """``kernel_size`` is the width of the glow, both sides of the outline together, in pixels."""

    predictions: Annotated[str, Selector(kinds.INSTANCES, kinds.RLE_INSTANCES)]
    opacity: float | FractionRef = 0.8
    kernel_size: int | IntRef = 40


class DrawHalo(Visualization):
    """Base of the versions."""

    label = "Halo Visualization"
    summary = "Draw a glow around each detection."

    def run(self, image: WorkflowImage, predictions: sv.Detections, **values: Any) -> dict[str, Any]:
        """The drawn image."""
        drawn = canvas(image)
        if len(predictions):
            shapes = masked(predictions, image.size)
            painted = sv.MaskAnnotator(**style(values), opacity=1.0).annotate(np.zeros_like(drawn), shapes)
            inside = np.asarray(shapes.mask, bool).any(axis=0)
            drawn = glowing(drawn, painted, inside, values["opacity"], max(1, values["kernel_size"]))
        return {"image": image.replaced(drawn)}


def glowing(pixels: Pixels, painted: Pixels, inside: Any, opacity: float, width: int) -> Pixels:
    """The light of ``painted`` shapes, blurred, added around them.

    Supervision's own halo multiplies the blurred colour by its opacity once more and so darkens bright pictures.
    """
    glow = cv2.blur(painted, (width, width)).astype(np.float32)
    glow[inside] = 0
    light = glow.max(axis=2, keepdims=True)
    if not light.any():
        return pixels
    blended = pixels * (1 - opacity * light / light.max()) + glow * opacity
    return u8(np.clip(blended, 0, 255).astype(np.uint8))


class HaloV1(DrawHalo):
    """The glow lies outside of the masks. Detections without masks glow around their boxes."""

    ids = ("roboflow_core/halo_visualization@v1", "HaloVisualization")
    Fields = HaloFields


class HaloV2(DrawHalo):
    """As version 1, which leaves nothing to repair here."""

    ids = ("roboflow_core/halo_visualization@v2",)
    Fields = HaloFields
