"""A large image as tiles of the network's size and the whole beside them, as Idefics3 and SmolVLM cut it."""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow

LARGEST = 4096
"""Pixels of the longer side at most, whatever is asked for."""

Pixels = npt.NDArray[np.uint8]


def tiles(image: Pixels, side: int, longest: int, *, split: bool = True) -> tuple[list[Pixels], int, int]:
    """Tiles [side, side, 3] row by row and the whole at last, and how many rows and columns; none for the whole alone.

    Args:
        image: [H, W, 3].
        side: of a tile.
        longest: what the image's longer side is brought to before it is cut.
        split: whether it is cut at all.
    """
    image = _resized(image, *_scaled(image.shape[0], image.shape[1], longest))
    if not split:
        return [_resized(image, side, side)], 0, 0
    image = _resized(image, *_whole_tiles(image.shape[0], image.shape[1], side))
    rows, columns = image.shape[0] // side, image.shape[1] // side
    if (rows, columns) == (1, 1):
        return [image], 0, 0
    cut = [image[y * side :, x * side :][:side, :side] for y in range(rows) for x in range(columns)]
    return [*cut, _resized(image, side, side)], rows, columns


def written(rows: int, columns: int, image: str) -> str:
    """The tiles as the models know them, ``image`` for each."""
    around = "<fake_token_around_image>"
    whole = f"{around}<global-img>{image}{around}"
    if not rows:
        return whole
    lines = [
        "".join(f"{around}<row_{row}_col_{column}>{image}" for column in range(1, columns + 1)) + "\n"
        for row in range(1, rows + 1)
    ]
    return "".join(lines) + "\n" + whole


def _scaled(height: int, width: int, longest: int) -> tuple[int, int]:
    """The longer side as asked for, the other one even; within what is allowed at most."""
    ratio = width / height
    if width >= height:
        width, height = longest, int(longest / ratio)
        height += height % 2
    else:
        height, width = longest, int(longest * ratio)
        width += width % 2
    height, width = max(height, 1), max(width, 1)
    ratio = width / height
    if width >= height and width > LARGEST:
        width, height = LARGEST, int(LARGEST / ratio)
    elif height > width and height > LARGEST:
        height, width = LARGEST, int(LARGEST * ratio)
    return max(height, 1), max(width, 1)


def _whole_tiles(height: int, width: int, side: int) -> tuple[int, int]:
    """The next size up that tiles fill; the longer side first, the other one in proportion to it."""
    ratio = width / height
    if width >= height:
        width = ceil(width / side) * side
        height = ceil(int(width / ratio) / side) * side
    else:
        height = ceil(height / side) * side
        width = ceil(int(height * ratio) / side) * side
    return height, width


def _resized(image: Pixels, height: int, width: int) -> Pixels:
    if image.shape[:2] == (height, width):
        return image
    shown: Any = Pillow.fromarray(image).resize((width, height), Pillow.Resampling.LANCZOS)
    return np.asarray(shown, np.uint8)
