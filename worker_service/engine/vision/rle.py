"""COCO's run lengths: masks read column by column, counts starting with the zeros, compressed to text.

The format is pycocotools': each count after the second is written as its difference to the last but one, in groups of
five bits from the lowest on, a sixth bit saying that more follow, plus 48 to make it printable.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Bits = npt.NDArray[np.uint8]
Counts = npt.NDArray[np.int64]

# 13 groups of 5 bits hold any difference of image sizes that fit into memory.
GROUPS = 13


def run_lengths(crop: Bits, left: int, top: int, size: tuple[int, int]) -> Counts:
    """Counts of zeros and ones in turn for a mask that is zero outside a crop.

    Args:
        crop: [h, w] of 0 or 1.
        left, top: where it begins in the image.
        size: height and width of the image.
    """
    height, width = size
    columns = np.zeros((crop.shape[1], crop.shape[0] + 2), np.int8)
    columns[:, 1:-1] = crop.T
    steps = np.diff(columns, axis=1)
    column, first = np.nonzero(steps == 1)
    end = np.nonzero(steps == -1)[1]
    begins = (column + left) * height + first + top
    ends = (column + left) * height + end + top
    # A run that ends at the bottom of one column and goes on at the top of the next is one run.
    whole = np.flatnonzero(begins[1:] == ends[:-1])
    edges = np.stack([np.delete(begins, whole + 1), np.delete(ends, whole)], axis=1).reshape(-1)
    bounds = np.concatenate([[0], edges, [height * width]])
    counts = np.diff(bounds)
    return counts[:-1] if counts.size > 1 and counts[-1] == 0 else counts


def compress(counts: Counts) -> str:
    """Counts as COCO's text."""
    values = counts.astype(np.int64)
    values[3:] -= counts[1:-2]
    groups = values[:, None] >> (5 * np.arange(GROUPS))
    low = groups & 0x1F
    # What is left above a group must be its sign alone for the group to be the last.
    left = values[:, None] >> (5 * np.arange(1, GROUPS + 1))
    last = np.where(low & 0x10, left == -1, left == 0)
    length = last.argmax(axis=1)
    place = np.arange(GROUPS)
    codes = low + 48 + np.where(place < length[:, None], 0x20, 0)
    text: bytes = codes[place <= length[:, None]].astype(np.uint8).tobytes()
    return text.decode("ascii")


def expand(text: str) -> Counts:
    """COCO's text as counts."""
    codes = np.frombuffer(text.encode("ascii"), np.uint8).astype(np.int64) - 48
    counts: list[int] = []
    value = shift = 0
    for code in codes.tolist():
        value |= (code & 0x1F) << shift
        shift += 5
        if code & 0x20:
            continue
        value -= (1 << shift) if code & 0x10 else 0
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = shift = 0
    return np.array(counts, np.int64)
