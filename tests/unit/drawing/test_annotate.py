"""What is drawn lies where the answer says, at any size of the picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from shared.drawing.annotate import Style, annotate
from shared.drawing.pen import bgr

BOX = {"x": 100.0, "y": 60.0, "width": 40.0, "height": 20.0, "confidence": 0.9, "class": "ring", "class_id": 2}
PLAIN = Style(labels=False, thickness=1)


def blank(width: int = 200, height: int = 120) -> Any:
    return np.zeros((height, width, 3), np.uint8)


def drawn(answer: dict[str, Any], style: Style = PLAIN, image: Any = None) -> Any:
    source = blank() if image is None else image
    made = annotate(source, answer, style)
    assert not source.any(), "the picture itself is left alone"
    return made.any(axis=2)


def detections(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"image": {"width": 200, "height": 120}, "predictions": list(rows)}


def test_a_box_is_drawn_on_its_edges_in_the_colour_of_its_class() -> None:
    made = annotate(blank(), detections(BOX), PLAIN)
    assert tuple(made[50, 100]) == bgr(2)
    assert tuple(made[60, 80]) == bgr(2)
    assert not made[60, 100].any()
    assert not made[:40].any()


def test_coordinates_are_scaled_to_the_picture() -> None:
    made = drawn(detections(BOX), image=blank(400, 480))
    assert made[200, 200]
    assert made[240, 160]
    assert not made[60, 80]


def test_a_mask_is_tinted_inside() -> None:
    corners = [{"x": 80, "y": 50}, {"x": 120, "y": 50}, {"x": 120, "y": 70}, {"x": 80, "y": 70}]
    assert drawn(detections({**BOX, "points": corners}))[60, 100]


def test_keypoints_are_dots() -> None:
    rows = [
        {**BOX, "keypoints": [{"x": 95, "y": 60, "confidence": 1, "class_id": 0, "class": "nose"}]},
        {**BOX, "x": 40.0, "keypoints": []},
    ]
    made = drawn(detections(*rows))
    assert made[60, 95]
    assert not made[60, 40]


def test_labels_name_class_and_tracker() -> None:
    tracked = drawn(detections({**BOX, "tracker_id": 7}), Style(thickness=1))
    plain = drawn(detections(BOX), Style(thickness=1))
    assert tracked[:49].sum() > plain[:49].sum() > 0


@pytest.mark.parametrize(
    "answer",
    [
        {"predictions": [{"class": "ring", "confidence": 0.8}, {"class": "star", "confidence": 0.1}]},
        {"predictions": {"ring": {"confidence": 0.8}, "star": {"confidence": 0.1}}},
    ],
)
def test_classes_are_listed_in_the_corner(answer: dict[str, Any]) -> None:
    made = drawn(answer)
    assert made[2, 2]
    assert not made[100:].any()


@pytest.mark.parametrize("answer", [{}, {"predictions": []}, {"predictions": {}}, {"embedding": [1.0]}])
def test_nothing_found_changes_nothing(answer: dict[str, Any]) -> None:
    assert not drawn(answer).any()


def test_labels_are_written_in_any_alphabet_and_alike_in_every_frame() -> None:
    style = Style(thickness=1)
    first, again, other = (
        annotate(blank(), detections({**BOX, "class": name}), style) for name in ("крест", "крест", "?????")
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_labels_stay_inside_the_picture() -> None:
    corner = {**BOX, "x": 195.0, "y": 4.0, "class": "a name that is wide"}
    assert drawn(detections(corner), Style(thickness=1))[2, 60:195].all()
