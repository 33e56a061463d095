"""Stretch the contrast of an image."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import Field

from shared.workflows import kinds
from shared.workflows.block import Block
from shared.workflows.fields import ImageRef, StepFields
from shared.workflows.images import Pixels, WorkflowImage
from shared.workflows.vision.contrast import enhance


class ContrastEnhancement(Block):
    """Each colour channel is stretched to the full range by itself; alpha stays. A channel of one value stays too."""

    ids = ("roboflow_core/contrast_enhancement@v1",)
    label = "Contrast Enhancement"
    summary = "Stretch the contrast of an image to the full range."
    category = "classical_computer_vision"
    outputs = {"image": (kinds.IMAGE,)}

    class Fields(StepFields):
        """``clip_limit`` in percent is cut off at either end; ``normalize_brightness`` raises midtones."""

        image: ImageRef
        clip_limit: int = Field(0, ge=0, lt=50)
        contrast_multiplier: float = Field(1.0, gt=0)
        normalize_brightness: bool = False

    def run(
        self, image: WorkflowImage, clip_limit: int, contrast_multiplier: float, normalize_brightness: bool
    ) -> dict[str, Any]:
        """The stretched image; one channel is answered as [H, W]."""

        def better(channel: Pixels) -> Pixels:
            return enhance(channel, clip_limit, contrast_multiplier, brighten=normalize_brightness)

        pixels = image.pixels
        if pixels.ndim == 2 or pixels.shape[2] == 1:
            return {"image": image.replaced(better(pixels.reshape(pixels.shape[:2])))}
        channels = [better(pixels[:, :, i]) if i < 3 else pixels[:, :, i] for i in range(pixels.shape[2])]
        return {"image": image.replaced(np.stack(channels, axis=2))}
