"""Count the pixels of one colour."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np

from shared.workflows import kinds
from shared.workflows.block import Block
from shared.workflows.colors import bgr
from shared.workflows.fields import ImageRef, IntRef, Selector, StepFields, StrRef
from shared.workflows.images import WorkflowImage
from shared.workflows.vision.pixels import colour


class PixelColorCount(Block):
    """A pixel counts when each of its three channels is within ``tolerance`` of the colour's."""

    ids = ("roboflow_core/pixel_color_count@v1",)
    label = "Pixel Color Count"
    summary = "Count the pixels that have a colour, within a tolerance."
    category = "classical_computer_vision"
    outputs = {"matching_pixels_count": (kinds.INTEGER,)}

    class Fields(StepFields):
        """``target_color`` as a name, #rrggbb, "(r, g, b)" or [r, g, b]."""

        image: ImageRef
        target_color: StrRef | Annotated[str, Selector(kinds.COLOR)] | str | list[Any]
        tolerance: IntRef | int = 10

    def run(self, image: WorkflowImage, target_color: str | list[Any], tolerance: int) -> dict[str, Any]:
        """The count."""
        apart = np.abs(colour(image.pixels).astype(np.int16) - np.array(bgr(target_color), np.int16))
        return {"matching_pixels_count": int((apart <= tolerance).all(axis=2).sum())}
