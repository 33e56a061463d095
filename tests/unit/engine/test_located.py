"""Boxes in PaliGemma's texts, beside supervision's reading of them."""

from __future__ import annotations

import numpy as np
import pytest
import supervision as sv

from worker_service.engine.located import located

SIZE = (640, 480)
BOAT = "<loc0256><loc0128><loc0768><loc0512> boat"
DOG = "<loc0000><loc1023><loc0001><loc0900> big dog"
SHAPE = "".join(f"<seg{i:03}>" for i in range(16))


@pytest.mark.parametrize(
    "text",
    [
        BOAT,
        f"{BOAT} ; {DOG}",
        f"{BOAT} ;{BOAT}",
        f"here: {BOAT} and more",
        "<loc0001><loc0002><loc0003> boat",
        "<loc0001><loc0002><loc0003><loc0004><loc0005> boat",
        "no boat at all",
        "",
        "<loc12><loc0001><loc0002><loc0003><loc0004> x",
    ],
)
def test_as_supervision_reads_them(text: str) -> None:
    known = sv.Detections.from_vlm(sv.VLM.PALIGEMMA, text, resolution_wh=SIZE)
    found = located(text, "detect boat ; big dog", SIZE)
    assert found is not None
    corners = known.xyxy.reshape(-1, 2, 2)
    known_boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1) if len(known) else np.empty((0, 4))
    assert np.abs(found.boxes - known_boxes).max(initial=0) < 1e-3
    assert [row["class"] for row in found.rows()] == [str(name) for name in known.data.get("class_name", [])]


def test_places_are_1024ths_from_the_top_left() -> None:
    found = located(BOAT, "detect boat", SIZE)
    assert found is not None
    assert found.boxes.tolist() == [[80.0, 120.0, 320.0, 360.0]]
    assert (found.scores.tolist(), found.class_ids.tolist(), found.labels) == ([1.0], [0], ("boat",))


def test_classes_are_those_of_the_prompt() -> None:
    found = located(f"{DOG} ; {BOAT} ; <loc0001><loc0002><loc0003><loc0004>", "detect boat ; dog", SIZE)
    assert found is not None
    assert found.labels == ("boat", "dog", "big dog")
    assert found.class_ids.tolist() == [2, 0, 0]


def test_a_shape_stays_in_the_text_and_other_texts_have_no_boxes() -> None:
    found = located(f"<loc0256><loc0128><loc0768><loc0512>{SHAPE} boat", "segment boat", SIZE)
    assert found is not None
    assert [row["class"] for row in found.rows()] == ["boat"]
    assert located("a boat", "caption en", SIZE) is None
    nothing = located("a boat", "detect boat", SIZE)
    assert nothing is not None
    assert nothing.rows() == []
