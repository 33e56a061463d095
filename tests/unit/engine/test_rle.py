from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from worker_service.engine.vision.rle import column_runs, compress, expand, run_lengths


def naive_counts(mask: Any) -> list[int]:
    """Pixel by pixel down the columns."""
    counts, value, length = [], 0, 0
    for pixel in mask.T.reshape(-1).tolist():
        if pixel != value:
            counts.append(length)
            value, length = pixel, 0
        length += 1
    return [*counts, length]


def naive_text(counts: list[int]) -> str:
    text = ""
    for i, count in enumerate(counts):
        value = count - counts[i - 2] if i > 2 else count
        more = True
        while more:
            code = value & 0x1F
            value >>= 5
            more = value != -1 if code & 0x10 else value != 0
            text += chr(48 + code + (0x20 if more else 0))
    return text


@st.composite
def crops(draw: st.DrawFn) -> tuple[Any, int, int, tuple[int, int]]:
    height, width = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    top, left = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
    shape = (draw(st.integers(1, height - top)), draw(st.integers(1, width - left)))
    crop = draw(hnp.arrays(np.uint8, shape, elements=st.integers(0, 1)))
    return crop, left, top, (height, width)


@given(crops())
def test_counts_equal_the_naive_ones(case: tuple[Any, int, int, tuple[int, int]]) -> None:
    crop, left, top, size = case
    mask = np.zeros(size, np.uint8)
    mask[top : top + crop.shape[0], left : left + crop.shape[1]] = crop
    counts = run_lengths(column_runs(crop) + np.array([left, top, top]), size)
    assert counts.tolist() == naive_counts(mask)
    assert np.array_equal(np.repeat(np.arange(len(counts)) % 2, counts).reshape(size[::-1]).T, mask)


@given(st.lists(st.integers(0, 2**40), min_size=1, max_size=30))
def test_text_equals_the_naive_one_and_comes_back(counts: list[int]) -> None:
    text = compress(np.array(counts, np.int64))
    assert text == naive_text(counts)
    assert expand(text).tolist() == counts


@pytest.mark.parametrize("value", [0, 1])
def test_one_value_throughout(value: int) -> None:
    crop = np.full((3, 2), value, np.uint8)
    assert run_lengths(column_runs(crop), (3, 2)).tolist() == ([0, 6] if value else [6])


def test_a_text_worked_out_by_hand() -> None:
    # 6 -> "6"; 1 -> "1"; 40 = 8 + 1 * 32 -> 8 + 32 + 48 = "X", "1"; 5 - 1 = 4 -> "4"; 30 - 40 = -10 -> 22 + 48 = "F"
    assert compress(np.array([6, 1, 40, 5, 30])) == "61X14F"
