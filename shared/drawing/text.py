"""Texts on filled rectangles, in any alphabet of DejaVu Sans.

A text is set once as a small picture and copied from then on: a label of a stream is the same frame after frame, and
converting whole pictures for Pillow, as supervision's RichLabelAnnotator does, takes 40 ms at 1080p.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from shared.drawing.colours import Colour, class_colour, ink

Image = npt.NDArray[np.uint8]
Place = tuple[float, float]

LONGEST = 48
SMALLEST_FONT, LARGEST_FONT = 11, 48
PIXELS_PER_POINT = 55
"""Square root of the picture's area by the size of the font: 19 pixels for 1280 x 853."""
MOST_SPREAD = 100
"""Labels that are moved apart. Beyond that they cover the picture anyway, and the work grows with their square."""


def labels(canvas: Image, corners: Sequence[Place], texts: Sequence[str], class_ids: Sequence[int]) -> None:
    """Texts that stand on the upper left corners (x, y) of boxes, moved apart where they would cover each other."""
    size = font_size(canvas)
    patches = [patch(text, size, class_id) for text, class_id in zip(texts, class_ids, strict=True)]
    rows = [[x, y - made.shape[0], x + made.shape[1], y] for (x, y), made in zip(corners, patches, strict=True)]
    boxes: npt.NDArray[Any] = np.array(rows, np.float32).reshape(-1, 4)
    if 1 < len(boxes) <= MOST_SPREAD:
        from supervision.detection.utils.boxes import spread_out_boxes  # noqa: PLC0415 - a second of imports

        boxes = spread_out_boxes(boxes)
    for made, (left, top, *_) in zip(patches, boxes.tolist(), strict=True):
        paste(canvas, made, round(left), round(top))


def banner(canvas: Image, lines: Sequence[tuple[int, str]]) -> None:
    """Lines of text, each on the colour of its class, one below the other in the upper left corner."""
    top = 0
    for class_id, text in lines:
        made = patch(shorten(text), font_size(canvas), class_id)
        paste(canvas, made, 0, top)
        top += made.shape[0]


def paste(canvas: Image, made: Image, left: int, top: int) -> None:
    """Copies a text, moved into the picture where it would reach out of it."""
    height, width = made.shape[:2]
    left = max(0, min(left, canvas.shape[1] - width))
    top = max(0, min(top, canvas.shape[0] - height))
    target = canvas[top : top + height, left : left + width]
    target[:] = made[: target.shape[0], : target.shape[1]]


@lru_cache(maxsize=1024)
def patch(text: str, size: int, class_id: int) -> Image:
    """A text as BGR [h, w, 3] on the colour of its class; read-only, because it is shared."""
    fill: Colour = class_colour(class_id)
    letters, gap = font(size), padding(size)
    rise, fall = letters.getmetrics()
    made = Pillow.new("RGB", (math.ceil(letters.getlength(text)) + 2 * gap, rise + fall + 2 * gap), fill)
    ImageDraw.Draw(made).text((gap, gap), text, fill=ink(fill), font=letters)
    pixels = np.ascontiguousarray(np.asarray(made, np.uint8)[..., ::-1])
    pixels.flags.writeable = False
    return pixels


def shorten(text: str) -> str:
    """One line, not too long."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def font_size(canvas: Image) -> int:
    """Pixels, in proportion to the picture and legible on small ones."""
    return max(SMALLEST_FONT, min(LARGEST_FONT, round(math.sqrt(canvas.shape[0] * canvas.shape[1]) / PIXELS_PER_POINT)))


def padding(size: int) -> int:
    """Pixels around a text."""
    return max(2, size // 4)


@lru_cache(maxsize=64)
def font(size: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib and so with supervision: Latin, Greek, Cyrillic, Arabic and more."""
    import matplotlib as mpl  # noqa: PLC0415 - only to find the file, when the first text is drawn

    return ImageFont.truetype(str(Path(mpl.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")), size)
