"""Reading order of recognised characters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from shared.errors import InvalidRequest
from shared.workflows.vision import ocr_text


def boxes(*xywh: tuple[float, float, float, float]) -> np.ndarray:
    corners = np.array(xywh, dtype=float)
    return np.concatenate([corners[:, :2], corners[:, :2] + corners[:, 2:]], axis=1)


# Two lines of two characters: A B over C D.
SQUARE = boxes((20, 0, 8, 10), (0, 2, 8, 10), (20, 30, 8, 10), (0, 31, 8, 10))
TEXTS = ["B", "A", "D", "C"]


@pytest.mark.parametrize(
    ("direction", "expected"),
    [
        ("left_to_right", "AB\nCD"),
        ("right_to_left", "BA\nDC"),
        ("vertical_top_to_bottom", "AC BD"),
        ("vertical_bottom_to_top", "DB CA"),
    ],
)
def test_tolerance_and_following_read_lines_in_every_direction(direction: Any, expected: Any) -> None:
    assert ocr_text.by_tolerance(SQUARE, TEXTS, direction, 10, "") == expected
    assert ocr_text.by_following(SQUARE, TEXTS, direction, "", 2) == expected


def test_delimiter_surrounds_line_breaks_of_the_tolerance_algorithm() -> None:
    assert ocr_text.by_tolerance(SQUARE, TEXTS, "left_to_right", 10, "-") == "A-B-\n-C-D"
    assert ocr_text.by_following(SQUARE, TEXTS, "left_to_right", "-", 2) == "A-B\nC-D"


def test_tolerance_decides_what_a_line_is() -> None:
    slanted = boxes((0, 0, 10, 10), (20, 8, 10, 10))
    assert ocr_text.by_tolerance(slanted, ["a", "b"], "left_to_right", 20, "") == "ab"
    assert ocr_text.by_tolerance(slanted, ["a", "b"], "left_to_right", 4, "") == "a\nb"
    with pytest.raises(InvalidRequest, match="tolerance"):
        ocr_text.by_tolerance(slanted, ["a", "b"], "left_to_right", 0, "")


def test_gaps_tell_words_apart() -> None:
    # "HI YOU": gaps of 1 pixel within words, 12 between them; characters 10 wide.
    text = boxes((0, 0, 10, 20), (11, 0, 10, 20), (33, 0, 10, 20), (44, 0, 10, 20), (55, 0, 10, 20))
    assert ocr_text.by_gaps(text, list("HIYOU"), "left_to_right", "") == "HI YOU"
    assert ocr_text.by_gaps(text * 7, list("HIYOU"), "left_to_right", "") == "HI YOU", "independent of resolution"
    assert ocr_text.by_gaps(text, list("HIYOU"), "left_to_right", "", multiplier=10) == "HIYOU"
    assert ocr_text.by_gaps(text, list("HIYOU"), "right_to_left", "") == "UOY IH"


def test_even_gaps_are_one_word() -> None:
    text = boxes((0, 0, 10, 20), (11, 0, 10, 20), (22, 1, 10, 20), (33, 0, 10, 20))
    assert ocr_text.by_gaps(text, list("WORD"), "left_to_right", "") == "WORD"


def test_gaps_keep_lines_apart() -> None:
    text = boxes((0, 0, 10, 20), (11, 2, 10, 20), (0, 40, 10, 20), (30, 40, 10, 20))
    assert ocr_text.by_gaps(text, list("ABCD"), "left_to_right", "") == "AB\nC D"


def test_gap_threshold_separates_the_two_means() -> None:
    threshold, two = ocr_text.gap_threshold(np.array([0.1, 0.12, 0.1, 1.1, 1.0]))
    assert two
    assert 0.12 < threshold < 1.0
    assert ocr_text.gap_threshold(np.array([0.5])) == (0.0, False)


def test_following_keeps_curved_lines_together() -> None:
    # Each character is 6 pixels lower than the one before: the last is 36 below the first.
    curved = boxes(*[(i * 12, i * 6, 10, 10) for i in range(7)])
    assert ocr_text.by_following(curved, list("CURVING"), "left_to_right", "", 5) == "CURVING"
    assert "\n" in ocr_text.by_tolerance(curved, list("CURVING"), "left_to_right", 10, "")


def test_direction_is_guessed_by_shape() -> None:
    assert ocr_text.guess_direction(boxes((0, 0, 20, 10))) == "left_to_right"
    assert ocr_text.guess_direction(boxes((0, 0, 10, 20))) == "vertical_top_to_bottom"
    assert ocr_text.guess_direction(np.zeros((0, 4))) == "left_to_right"


@pytest.mark.parametrize(
    "read",
    [
        lambda *a: ocr_text.by_tolerance(*a, 10, ""),
        lambda *a: ocr_text.by_gaps(*a, ""),
        lambda *a: ocr_text.by_following(*a, ""),
    ],
)
def test_nothing_reads_as_nothing(read: Any) -> None:
    assert read(np.zeros((0, 4)), [], "left_to_right") == ""


def test_unknown_direction_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="reading_direction"):
        ocr_text.by_following(SQUARE, TEXTS, "diagonal", "")
