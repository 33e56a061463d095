"""COCO's run lengths: masks read column by column, counts starting with the zeros, compressed to text.

The format is pycocotools': each count after the second is written as its difference to the last but one, in groups of
five bits from the lowest on, a sixth bit saying that more follow, plus 48 to make it printable.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Bits = npt.NDArray[np.uint8]
Counts = npt.NDArray[np.int64]
Runs = npt.NDArray[np.int64]

# 13 groups of 5 bits hold any difference of image sizes that fit into memory.
GROUPS = 13


def column_runs(mask: Bits) -> Runs:
    """Runs of ones in a mask [h, w] of 0 or 1, column by column: [n, 3] of column, first row and end."""
    # One zero after each column: no run goes on into the next, and every other change is an end.
    columns = np.zeros((mask.shape[1], mask.shape[0] + 1), np.uint8)
    columns[:, :-1] = mask.T
    flat = columns.reshape(-1)
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    if flat[0]:
        changes = np.concatenate([[0], changes])
    column, row = np.divmod(changes.reshape(-1, 2), columns.shape[1])
    return np.stack([column[:, 0], row[:, 0], row[:, 1]], axis=1)


def run_lengths(runs: Runs, size: tuple[int, int]) -> Counts:
    """Counts of zeros and ones in turn.

    Args:
        runs: [n, 3] column, first row and end of each run in the image, in this order.
        size: height and width of the image.
    """
    height, width = size
    begins, ends = runs[:, 0] * height + runs[:, 1], runs[:, 0] * height + runs[:, 2]
    # A run that ends at the bottom of one column and goes on at the top of the next is one run.
    whole = np.flatnonzero(begins[1:] == ends[:-1])
    edges = np.stack([np.delete(begins, whole + 1), np.delete(ends, whole)], axis=1).reshape(-1)
    counts = np.diff(np.concatenate([[0], edges, [height * width]]))
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
