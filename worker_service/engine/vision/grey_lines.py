"""Lines of text as pictures for EasyOCR's recognisers: grey, of one height, and as wide as their text needs.

Its steps: a level box is cut out, a tilted one set upright, both scaled linearly; what is higher than wide goes
through a second, cubic scaling. A line that was read unsurely is tried again with more contrast.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow

from worker_service.engine.vision.grouping import Box

Grey = npt.NDArray[np.uint8]
HEIGHT = 64
WIDEST = 256
"""Width over height of the widest line that is not squeezed."""
CONTRAST = 0.5
"""Between the darkest and lightest tenth, from which a line is left as it is."""
RANGE, SHIFT = 200, 25
"""Grey values that the tenths are spread over, and what lies below them."""


class Line(NamedTuple):
    """A line, one side of it 64 pixels, and its longer side over its shorter one before it was scaled."""

    pixels: Grey
    ratio: float


def level(image: Grey, box: Box) -> tuple[Line | None, npt.NDArray[np.float64]]:
    """The pixels inside a box, if there are any, and its corners [4, 2] inside the image."""
    rows, columns = image.shape
    left, right = max(0, box.left), min(box.right, columns)
    top, bottom = max(0, box.top), min(box.bottom, rows)
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float64)
    return (_scaled(image[top:bottom, left:right]) if right > left and bottom > top else None), corners


def tilted(image: Grey, corners: npt.NDArray[Any]) -> Line | None:
    """The pixels between four corners as an upright picture, if there are any."""
    points = corners.astype(np.float32)
    upper, right, lower, left = np.linalg.norm(points - np.roll(points, -1, axis=0), axis=1)
    width, height = max(int(lower), int(upper)), max(int(right), int(left))
    if min(width, height) < 1:
        return None
    target = np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], np.float32)
    turn = cv2.getPerspectiveTransform(points, target)
    return _scaled(np.asarray(cv2.warpPerspective(image, turn, (width, height)), np.uint8))


def room(line: Line) -> int:
    """Width of the tensor for a line: whole squares."""
    return min(WIDEST, math.ceil(line.ratio)) * HEIGHT


def tensor(pixels: Grey, width: int) -> npt.NDArray[np.float32]:
    """[1, 64, width] in -1..1; the last column is repeated to the right."""
    rows, columns = pixels.shape
    wide = min(width, math.ceil(HEIGHT * (columns / rows)))
    if (wide, HEIGHT) != (columns, rows):
        pixels = np.asarray(Pillow.fromarray(pixels).resize((wide, HEIGHT), Pillow.Resampling.BICUBIC))
    values = (pixels.astype(np.float32) / np.float32(255) - np.float32(0.5)) / np.float32(0.5)
    return np.asarray(np.pad(values, ((0, 0), (0, width - wide)), mode="edge")[None], np.float32)


def contrasted(line: Line) -> Line:
    """With its tenths spread, unless they lie far enough apart."""
    low, high = np.percentile(line.pixels, [10, 90])
    if (high - low) / max(10, high + low) >= CONTRAST:
        return line
    spread = (line.pixels.astype(int) - low + SHIFT) * (RANGE / max(10, high - low))
    return line._replace(pixels=np.clip(spread, 0, 255).astype(np.uint8))


def _scaled(piece: Grey) -> Line:
    """The shorter side to 64 pixels; the longer one no longer than four times the widest line."""
    rows, columns = piece.shape
    ratio = columns / rows if columns >= rows else 1 / (columns / rows)
    longer = min(int(HEIGHT * ratio), 4 * WIDEST * HEIGHT)
    size = (HEIGHT, longer) if rows > columns else (longer, HEIGHT)
    return Line(np.asarray(cv2.resize(piece, size, interpolation=cv2.INTER_LINEAR), np.uint8), ratio)
