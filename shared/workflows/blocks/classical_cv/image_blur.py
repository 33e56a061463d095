"""Blur an image."""

from __future__ import annotations

from typing import Any, Literal

import cv2

from shared.errors import InvalidRequest
from shared.workflows import kinds
from shared.workflows.block import Block
from shared.workflows.fields import ImageRef, IntRef, StepFields, StrRef
from shared.workflows.images import Pixels, WorkflowImage
from shared.workflows.vision.pixels import u8

BILATERAL_SIGMA = 75  # of colour and of distance


class ImageBlur(Block):
    """Average, Gaussian, median, or bilateral, which keeps edges. Gaussian and median round the kernel up to odd."""

    ids = ("roboflow_core/image_blur@v1",)
    label = "Image Blur"
    summary = "Blur an image."
    category = "classical_computer_vision"
    outputs = {"image": (kinds.IMAGE,)}

    class Fields(StepFields):
        """``kernel_size`` is the side of the neighbourhood in pixels."""

        image: ImageRef
        blur_type: StrRef | Literal["average", "gaussian", "median", "bilateral"] = "gaussian"
        kernel_size: IntRef | int = 5

    def run(self, image: WorkflowImage, blur_type: str, kernel_size: int) -> dict[str, Any]:
        """The blurred image."""
        return {"image": image.replaced(blurred(image.pixels, blur_type, kernel_size))}


def blurred(pixels: Pixels, how: str, side: int) -> Pixels:
    """Raises InvalidRequest for a blur that there is not."""
    side = max(1, int(side))
    odd = side | 1
    match how:
        case "average":
            return u8(cv2.blur(pixels, (side, side)))
        case "gaussian":
            return u8(cv2.GaussianBlur(pixels, (odd, odd), 0))
        case "median":
            return u8(cv2.medianBlur(pixels, odd))
        case "bilateral":
            return u8(cv2.bilateralFilter(pixels, side, BILATERAL_SIGMA, BILATERAL_SIGMA))
    raise InvalidRequest(f"blur_type is average, gaussian, median or bilateral, not {how!r}.")
