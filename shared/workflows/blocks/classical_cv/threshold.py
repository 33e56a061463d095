"""Separate bright from dark."""

from __future__ import annotations

from typing import Any, Literal

import cv2

from shared.errors import InvalidRequest
from shared.workflows import kinds
from shared.workflows.block import Block
from shared.workflows.fields import ImageRef, IntRef, StepFields, StrRef
from shared.workflows.images import Pixels, WorkflowImage
from shared.workflows.vision.pixels import grey, u8

_PLAIN = {
    "binary": cv2.THRESH_BINARY,
    "binary_inv": cv2.THRESH_BINARY_INV,
    "trunc": cv2.THRESH_TRUNC,
    "tozero": cv2.THRESH_TOZERO,
    "tozero_inv": cv2.THRESH_TOZERO_INV,
}
_ADAPTIVE = {"adaptive_mean": cv2.ADAPTIVE_THRESH_MEAN_C, "adaptive_gaussian": cv2.ADAPTIVE_THRESH_GAUSSIAN_C}
NEIGHBOURHOOD, BELOW_MEAN = 11, 2  # of the adaptive ones: side in pixels, and how far below the mean the limit lies


class Threshold(Block):
    """Fixed limits work on every channel; adaptive ones and Otsu's on grey."""

    ids = ("roboflow_core/threshold@v1",)
    label = "Image Threshold"
    summary = "Separate bright pixels from dark ones."
    category = "classical_computer_vision"
    outputs = {"image": (kinds.IMAGE,)}

    class Fields(StepFields):
        """``thresh_value`` is the limit (Otsu's and adaptive ones find theirs), ``max_value`` what passes becomes."""

        image: ImageRef
        threshold_type: (
            StrRef
            | Literal[
                "binary", "binary_inv", "trunc", "tozero", "tozero_inv", "adaptive_mean", "adaptive_gaussian", "otsu"
            ]
        ) = "binary"
        thresh_value: IntRef | int
        max_value: IntRef | int = 255

    def run(self, image: WorkflowImage, threshold_type: str, thresh_value: int, max_value: int) -> dict[str, Any]:
        """The image with the limit applied."""
        return {"image": image.replaced(thresholded(image.pixels, threshold_type, thresh_value, max_value))}


def thresholded(pixels: Pixels, how: str, limit: int, top: int) -> Pixels:
    """Raises InvalidRequest for a threshold that there is not."""
    if how in _PLAIN:
        return u8(cv2.threshold(pixels, limit, top, _PLAIN[how])[1])
    if how in _ADAPTIVE:
        return u8(
            cv2.adaptiveThreshold(grey(pixels), top, _ADAPTIVE[how], cv2.THRESH_BINARY, NEIGHBOURHOOD, BELOW_MEAN)
        )
    if how == "otsu":
        return u8(cv2.threshold(grey(pixels), 0, top, cv2.THRESH_BINARY + cv2.THRESH_OTSU)[1])
    raise InvalidRequest(f"threshold_type is {', '.join([*_PLAIN, *_ADAPTIVE])} or otsu, not {how!r}.")
