"""Grow, shrink and clean shapes."""

from __future__ import annotations

from typing import Any, Literal

import cv2
import numpy as np

from shared.errors import InvalidRequest
from shared.workflows import kinds
from shared.workflows.block import Block
from shared.workflows.fields import ImageRef, IntRef, StepFields, StrRef
from shared.workflows.images import Pixels, WorkflowImage
from shared.workflows.vision.pixels import colour, grey, u8

_OPERATIONS = {
    "Erosion": (cv2.MORPH_ERODE,),
    "Dilation": (cv2.MORPH_DILATE,),
    "Opening": (cv2.MORPH_OPEN,),
    "Closing": (cv2.MORPH_CLOSE,),
    "Opening then Closing": (cv2.MORPH_OPEN, cv2.MORPH_CLOSE),
    "Gradient": (cv2.MORPH_GRADIENT,),
    "Top Hat": (cv2.MORPH_TOPHAT,),
    "Black Hat": (cv2.MORPH_BLACKHAT,),
}


class MorphologicalTransformationV1(Block):
    """Works on shades of grey."""

    ids = ("roboflow_core/morphological_transformation@v1",)
    label = "Morphological Transformation"
    summary = "Grow, shrink or clean the shapes of a grey image."
    category = "classical_computer_vision"
    outputs = {"image": (kinds.IMAGE,)}

    class Fields(StepFields):
        """``kernel_size`` is the side of the square neighbourhood in pixels."""

        image: ImageRef
        kernel_size: int | IntRef = 5
        operation: StrRef | Literal["Erosion", "Dilation", "Opening", "Closing", "Gradient", "Top Hat", "Black Hat"] = (
            "Closing"
        )

    def run(self, image: WorkflowImage, kernel_size: int, operation: str) -> dict[str, Any]:
        """The grey image [H, W, 1]."""
        if operation == "Opening then Closing":
            raise InvalidRequest("operation 'Opening then Closing' is one of morphological_transformation@v2.")
        return {"image": image.replaced(morphed(grey(image.pixels), operation, kernel_size)[:, :, None])}


class MorphologicalTransformationV2(Block):
    """Works on every colour channel; alpha stays as it is."""

    ids = ("roboflow_core/morphological_transformation@v2",)
    label = "Morphological Transformation"
    summary = "Grow, shrink or clean the shapes of a colour image."
    category = "classical_computer_vision"
    outputs = {"image": (kinds.IMAGE,)}

    class Fields(StepFields):
        """``kernel_size`` is the side of the square neighbourhood in pixels."""

        image: ImageRef
        kernel_size: int | IntRef = 5
        operation: (
            StrRef
            | Literal[
                "Erosion", "Dilation", "Opening", "Closing", "Opening then Closing", "Gradient", "Top Hat", "Black Hat"
            ]
        ) = "Opening then Closing"

    def run(self, image: WorkflowImage, kernel_size: int, operation: str) -> dict[str, Any]:
        """The image in colour."""
        pixels = image.pixels
        made = morphed(colour(pixels), operation, kernel_size)
        if pixels.ndim == 3 and pixels.shape[2] == 4:
            made = np.concatenate([made, pixels[:, :, 3:]], axis=2)
        return {"image": image.replaced(made)}


def morphed(pixels: Pixels, operation: str, side: int) -> Pixels:
    """Raises InvalidRequest for an operation that there is not, or a kernel without size."""
    if operation not in _OPERATIONS:
        raise InvalidRequest(f"operation is one of {', '.join(_OPERATIONS)}, not {operation!r}.")
    if side < 1:
        raise InvalidRequest("kernel_size must be at least 1.")
    kernel = np.ones((side, side), np.uint8)
    for step in _OPERATIONS[operation]:
        pixels = u8(cv2.morphologyEx(pixels, step, kernel))
    return pixels
