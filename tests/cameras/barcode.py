"""The bar code that every picture of the test film carries: its number. Needs numpy only."""

from __future__ import annotations

import numpy as np

BITS = 12


def bar(width: int) -> tuple[int, int]:
    """Width and height in pixels of one bit."""
    return max(8, width // 40), max(8, width // 60)


def number_of(image: np.ndarray) -> int:
    """The number that the bar code of a picture says; the picture may be scaled."""
    wide, high = bar(image.shape[1])
    middle = image[high // 2].reshape(image.shape[1], -1).mean(axis=1)
    return sum(int(middle[int((bit + 0.5) * wide)] > 127) << bit for bit in range(BITS))
