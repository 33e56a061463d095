"""Resize, rotate or flip an image."""

from __future__ import annotations

from typing import Any, Literal

import cv2

from shared.errors import InvalidRequest
from shared.workflows import kinds
from shared.workflows.block import Block
from shared.workflows.fields import ImageRef, IntRef, StepFields, StrRef
from shared.workflows.images import Pixels, WorkflowImage
from shared.workflows.vision.pixels import rotated, u8

FLIPS = {"vertical": 0, "horizontal": 1, "both": -1}
MOST_PIXELS = 178_956_970


class ImagePreprocessing(Block):
    """Rotation is counter-clockwise and keeps all of the image. Resizing does not keep the aspect ratio."""

    ids = ("roboflow_core/image_preprocessing@v1",)
    label = "Image Preprocessing"
    summary = "Resize, rotate or flip an image."
    category = "classical_computer_vision"
    outputs = {"image": (kinds.IMAGE,)}

    class Fields(StepFields):
        """``width`` and ``height`` for resize, ``rotation_degrees`` for rotate, ``flip_type`` for flip."""

        image: ImageRef
        task_type: Literal["resize", "rotate", "flip"]
        width: int | IntRef = 640
        height: int | IntRef = 640
        rotation_degrees: int | IntRef = 90
        flip_type: StrRef | Literal["vertical", "horizontal", "both"] = "vertical"

    def run(self, image: WorkflowImage, task_type: str, **values: Any) -> dict[str, Any]:
        """The changed image."""
        match task_type:
            case "resize":
                made = resized(image.pixels, values["width"], values["height"])
            case "rotate":
                degrees = values["rotation_degrees"] or 0
                if not -360 <= degrees <= 360:
                    raise InvalidRequest(f"rotation_degrees lies between -360 and 360, not {degrees}.")
                made = rotated(image.pixels, degrees) if degrees else image.pixels.copy()
            case _:
                made = flipped(image.pixels, values["flip_type"])
        return {"image": image.replaced(made)}


def resized(pixels: Pixels, width: int | None, height: int | None) -> Pixels:
    """To that size; where one is None, it follows from the aspect ratio. Raises InvalidRequest."""
    if any(side is not None and side <= 0 for side in (width, height)):
        raise InvalidRequest("width and height must be greater than 0.")
    rows, columns = pixels.shape[:2]
    if width is None and height is None:
        return u8(pixels.copy())
    if width is None:
        width = max(1, int(columns * (height or rows) / rows))
    if height is None:
        height = max(1, int(rows * width / columns))
    if width * height > MOST_PIXELS:
        raise InvalidRequest(f"{width}x{height} is more than {MOST_PIXELS} pixels.")
    return u8(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA))


def flipped(pixels: Pixels, how: str | None) -> Pixels:
    """Upside down (vertical), mirrored (horizontal) or both. Raises InvalidRequest."""
    if how is None:
        return u8(pixels.copy())
    if how not in FLIPS:
        raise InvalidRequest(f"flip_type is vertical, horizontal or both, not {how!r}.")
    return u8(cv2.flip(pixels, FLIPS[how]))
