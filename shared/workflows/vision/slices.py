"""Tiles of a picture."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from shared.errors import InvalidRequest

Boxes = npt.NDArray[np.int64]

MAX_TILES = 10_000


def tiles(size: tuple[int, int], tile: tuple[int, int], overlap: tuple[float, float], *, equal: bool) -> Boxes:
    """Boxes [N, 4] of tiles that cover a picture, row by row.

    Args:
        size: width and height of the picture in pixels.
        tile: width and height of a tile.
        overlap: share of a tile that it has in common with the next one, across and down, in [0, 1).
        equal: tiles at the right and lower border are moved inwards, so that all have one size and none comes twice;
            otherwise they are cut off at the border.

    Raises InvalidRequest for tiles that would not move on, and for more than MAX_TILES of them.
    """
    spans = [_spans(*axis, equal=equal) for axis in zip(size, tile, overlap, strict=True)]
    if len(spans[0]) * len(spans[1]) > MAX_TILES:
        raise InvalidRequest(f"slices of {tile[0]}x{tile[1]} would be more than {MAX_TILES}; choose larger ones")
    return np.array([(x0, y0, x1, y1) for y0, y1 in spans[1] for x0, x1 in spans[0]], np.int64).reshape(-1, 4)


def _spans(size: int, tile: int, overlap: float, *, equal: bool) -> list[tuple[int, int]]:
    tile = min(tile, size) if equal else tile
    stride = tile - int(overlap * tile)
    if tile <= 0 or stride <= 0:
        raise InvalidRequest("slices need a size above 0 and an overlap below 1")
    starts = range(0, size, stride)
    if equal:
        return [(start, start + tile) for start in dict.fromkeys(min(start, size - tile) for start in starts)]
    return [(start, min(start + tile, size)) for start in starts]
