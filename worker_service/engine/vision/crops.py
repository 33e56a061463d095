"""A large image as overlapping crops and the whole before them, and their features as one map again, as Moondream does.

The image is brought to a size that the crops fill, each reaching ``margin`` cells of the encoder into its neighbours;
of the features, what lies in a margin is taken from the crop whose own it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow

Pixels = npt.NDArray[np.uint8]
Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Cutting:
    """How crops lie: ``side`` and ``patch`` in pixels, ``margin`` in patches, ``most`` of them at most."""

    side: int
    patch: int
    margin: int
    most: int

    @property
    def grid(self) -> int:
        """Patches along a crop."""
        return self.side // self.patch

    @property
    def window(self) -> int:
        """Pixels from one crop to the next."""
        return (self.grid - 2 * self.margin) * self.patch


def crops(image: Pixels, cutting: Cutting) -> tuple[Array, int, int]:
    """[1 + rows * columns, side, side, 3]: the whole, then the crops row by row; and rows and columns."""
    around = 2 * cutting.margin * cutting.patch
    rows, columns = layout(image.shape[0] - around, image.shape[1] - around, cutting)
    side, step = cutting.side, cutting.window
    large = _resized(image, rows * step + around, columns * step + around)
    cut = [large[y * step :, x * step :][:side, :side] for y in range(rows) for x in range(columns)]
    return np.stack([_resized(image, side, side), *cut]), rows, columns


def layout(height: int, width: int, cutting: Cutting) -> tuple[int, int]:
    """Rows and columns for so many pixels without their margins: as large as the image, or as many as are allowed."""
    step, most = cutting.window, cutting.most
    if min(height, width) <= step:
        return 1, 1
    least = ceil(height / step), ceil(width / step)
    if least[0] * least[1] > most:
        shrunk = sqrt(most / (least[0] * least[1]))
        return max(1, int(least[0] * shrunk)), max(1, int(least[1] * shrunk))
    rows = max(int(sqrt(most * height / width)), least[0])
    columns = max(int(sqrt(most * width / height)), least[1])
    if rows * columns > most and columns > rows:
        columns = most // rows
    elif rows * columns > most:
        rows = most // columns
    return max(1, rows), max(1, columns)


def stitched(features: Array, rows: int, columns: int, margin: int) -> Array:
    """[rows * columns, grid, grid, size] of the crops as one map [height, width, size]."""
    grid = features.shape[1]
    step = grid - 2 * margin
    whole = np.empty((rows * step + 2 * margin, columns * step + 2 * margin, features.shape[-1]), features.dtype)
    for at, crop in enumerate(features):
        y, x = divmod(at, columns)
        tall, wide = _own(y, rows, grid, margin), _own(x, columns, grid, margin)
        whole[y * step :, x * step :][tall, wide] = crop[tall, wide]
    return whole


def pooled(features: Array, grid: int) -> Array:
    """[grid, grid, size] means of a map's cells, as torch's ``adaptive_avg_pool2d`` takes them."""
    down, across = (_means(length, grid) for length in features.shape[:2])
    return np.asarray(np.einsum("iy,yxc,jx->ijc", down, features, across, optimize=True), features.dtype)


def _own(at: int, count: int, grid: int, margin: int) -> slice:
    """The cells of a crop that are taken: all but its margins, which the outermost keep."""
    return slice(0 if at == 0 else margin, grid if at == count - 1 else grid - margin)


def _means(length: int, grid: int) -> npt.NDArray[np.float32]:
    matrix = np.zeros((grid, length), np.float32)
    for i in range(grid):
        first, end = i * length // grid, -(-(i + 1) * length // grid)
        matrix[i, first:end] = 1 / (end - first)
    return matrix


def _resized(image: Pixels, height: int, width: int) -> Pixels:
    shown: Any = Pillow.fromarray(image).resize((width, height), Pillow.Resampling.LANCZOS)
    return np.asarray(shown, np.uint8)
