"""What the comparison of masks lets off."""

from __future__ import annotations

import numpy as np
import pytest

from tests.parity.compare import MASK_IOU, overlap


@pytest.mark.parametrize(
    ("size", "other", "passes"),
    [(46, 0, True), (46, 1, True), (46, 2, False), (400, 1, True), (400, 6, False), (0, 0, True), (0, 2, False)],
)
def test_one_pixel_of_a_mask_is_let_off(size: int, other: int, passes: bool) -> None:
    reference = np.arange(1000) < size
    ours = np.arange(1000) < size + other
    assert (overlap(ours, reference) >= MASK_IOU) is passes
