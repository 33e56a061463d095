"""Words wider than a recogniser sees at once: cut into pieces that overlap, and what was read put together again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
WIDE = 8
"""Width over height from which a word is cut."""
PIECE = 6
"""Width over height of a piece."""
OVERLAP = 0.5
MOST = 64
"""Pieces of a word; one that would need more is squeezed instead."""
CUT_OFF = 3
"""Characters that two pieces have in common less than their overlap says: those at the edges are dropped."""


def cut(word: Pixels) -> tuple[list[Pixels], float]:
    """The word or its pieces from left to right, and the share of the last one that the one before has too."""
    height, width = word.shape[:2]
    wide = max(1, math.ceil(height * PIECE))
    step = wide - math.floor(wide * OVERLAP)
    if width <= WIDE * height or (width - wide) // step >= MOST:
        return [word], 0.0
    starts = list(range(0, width - wide + 1, step))
    if starts[-1] + wide < width:
        starts.append(width - wide)
    last = (starts[-2] + wide - starts[-1]) / wide if len(starts) > 1 else 0.0
    return [word[:, start : start + wide] for start in starts], last


def joined(texts: Sequence[str], last: float) -> str:
    """What the pieces say together; ``last`` as ``cut`` tells it."""
    overlaps = [OVERLAP] * (len(texts) - 2) + [last]
    return list(accumulate(texts[1:], lambda left, right: _join(left, right, overlaps.pop(0)), initial=texts[0]))[-1]


def _join(left: str, right: str, overlap: float) -> str:
    """Both at the place where most characters agree, of several the one nearest to where it is expected."""
    if min(len(left), len(right)) <= 1:
        return left + right
    head, tail = left[:-1], right[1:]
    wrong = [
        sum(a != b for a, b in zip(head[-shared:], tail, strict=False))
        for shared in range(1, min(len(head), len(tail)) + 1)
    ]
    expected = round(len(right) * overlap) - CUT_OFF
    alike = [at for at, count in enumerate(wrong) if count == 0]
    if alike:
        best = min(alike, key=lambda at: abs(at - expected))
    elif expected < -1:
        return left + right
    elif expected < 0:
        return head + tail
    else:
        best = min(range(len(wrong)), key=lambda at: wrong[at] + abs(at - expected))
    return head + tail[best + 1 :]
