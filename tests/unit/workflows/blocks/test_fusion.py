"""Blocks that bring several values together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import supervision as sv

from shared.errors import InvalidRequest
from shared.workflows import detections as columns
from shared.workflows.batch import Batch
from shared.workflows.blocks.fusion.buffer import Buffer
from shared.workflows.blocks.fusion.detections_classes_replacement import DetectionsClassesReplacement
from shared.workflows.blocks.fusion.detections_difference import DetectionsDifference
from shared.workflows.blocks.fusion.detections_stitch import DetectionsStitch
from shared.workflows.blocks.fusion.frame_delay import FrameDelay
from shared.workflows.blocks.fusion.image_stack import ImageStack
from shared.workflows.blocks.fusion.overlap_analysis import OverlapAnalysis
from shared.workflows.testing import make, run_block
from tests.unit.workflows.pictures import found, frame, masks, noise, plain

PARTS = ("detection_id", "class", "confidence")


def test_the_buffer_has_the_newest_first() -> None:
    block = make(Buffer)
    assert [run_block(block, data=n, length=2)["output"] for n in (1, 2, 3)] == [[1], [2, 1], [3, 2]]
    assert run_block(Buffer, data=1, length=3, pad=True)["output"] == [1, None, None]


def test_a_value_of_earlier_frames() -> None:
    block = make(FrameDelay)
    pixels = np.zeros((2, 2, 3))
    answers = [
        run_block(block, image=frame(pixels, n), data=f"v{n}", offset=2, default_value="none yet") for n in (5, 6, 7, 9)
    ]
    assert [one["output"] for one in answers] == ["none yet", "none yet", "v5", "v6"]
    assert [one["is_available"] for one in answers] == [False, False, True, True]
    assert [one["reference_frame_number"] for one in answers] == [3, 4, 5, 6]
    assert run_block(block, image=frame(pixels, 9, "other"), data=1, offset=0)["output"] == 1
    with pytest.raises(InvalidRequest):
        run_block(block, image=frame(pixels, 1), data=1, offset=-1)


def test_a_stack_of_frames() -> None:
    block = make(ImageStack)
    shots = [frame(np.full((40, 80, 3), value), value) for value in (10, 100, 200)]
    for shot in shots:
        answer = run_block(block, image=shot, stack_size=2, resolution_width=20, resolution_height=20)
    assert answer["frames_count"] == 2
    assert [one.size for one in answer["frames"]] == [(20, 10)] * 2
    assert [int(one.pixels.mean()) for one in answer["frames"]] == [100, 200]
    assert run_block(block, image=shots[0], clear=True)["frames_count"] == 1
    with pytest.raises(InvalidRequest):
        run_block(block, image=shots[0], stack_size=0)


def stitched(image: Any, parts: list[sv.Detections], **values: Any) -> sv.Detections:
    made: sv.Detections = run_block(DetectionsStitch, reference_image=image, predictions=Batch(parts), **values)[
        "predictions"
    ]
    return made


def test_parts_come_together_in_the_image() -> None:
    image = noise(100, 60)
    left, right = image.crop(0, 0, 60, 60, "left"), image.crop(40, 0, 100, 60, "right")
    parts = [
        found(left, (42, 10, 58, 30), (0, 0, 9, 9), confidence=[0.9, 0.8]),
        found(right, (2, 10, 18, 30), confidence=[0.6]),
        columns.empty(),
    ]
    every = stitched(image, parts, overlap_filtering_strategy="none")
    assert every.xyxy.tolist() == [[42, 10, 58, 30], [0, 0, 9, 9], [42, 10, 58, 30]]
    kept = stitched(image, parts)
    assert sorted(kept.confidence.tolist()) == pytest.approx([0.8, 0.9])
    assert set(kept.data[columns.PARENT_ID]) == {image.parent_id}
    assert len(stitched(image, parts, overlap_filtering_strategy="nmm")) == 2
    assert len(stitched(image, [])) == 0
    with pytest.raises(InvalidRequest, match="fuse"):
        stitched(image, parts, overlap_filtering_strategy="fuse")


def test_parts_of_a_crop_come_together_in_the_crop() -> None:
    crop = noise(100, 60).crop(20, 10, 80, 50, "crop")
    part = crop.crop(30, 5, 60, 40, "part")
    (box,) = stitched(crop, [found(part, (1, 2, 11, 12), mask=masks(part, (1, 2, 11, 12)))]).xyxy.tolist()
    assert box == [31, 7, 41, 17]


def test_masks_move_with_their_boxes() -> None:
    image = noise(100, 60)
    part = image.crop(40, 20, 90, 60, "part")
    made = stitched(image, [found(part, (5, 5, 15, 15), mask=masks(part, (5, 5, 15, 15)))])
    assert np.array_equal(np.asarray(made.mask), masks(image, (45, 25, 55, 35)))


def single(parent: str, *rows: tuple[str, int, float]) -> dict[str, Any]:
    return {"parent_id": parent, "predictions": [{"class": n, "class_id": i, "confidence": c} for n, i, c in rows]}


def test_detections_get_the_classes_of_their_crops() -> None:
    detections = found(plain(), (0, 0, 5, 5), (5, 5, 9, 9), (9, 9, 12, 12))
    ids = [str(name) for name in detections.data[columns.DETECTION_ID]]
    several = {
        "parent_id": ids[2],
        "predictions": {"a": {"class_id": 0, "confidence": 0.2}, "b": {"class_id": 1, "confidence": 0.3}},
    }
    answers = Batch([single(ids[0], ("poodle", 7, 0.6), ("pug", 8, 0.4)), None, several], [(0, 0), (0, 1), (0, 2)])

    def named(**values: Any) -> list[tuple[Any, ...]]:
        made = run_block(
            DetectionsClassesReplacement,
            object_detection_predictions=detections,
            classification_predictions=answers,
            **values,
        )["predictions"]
        assert not set(made.data[columns.DETECTION_ID]) & set(ids)
        return list(zip(columns.names(made), made.class_id.tolist(), made.xyxy[:, 0].tolist(), strict=True))

    assert named() == [("poodle", 7, 0), ("b", 1, 9)]
    assert named(fallback_class_name="dog", fallback_class_id=3) == [("poodle", 7, 0), ("dog", 3, 5), ("b", 1, 9)]


def test_texts_become_classes_and_nothing_stays_nothing() -> None:
    detections = found(plain(), (0, 0, 5, 5), (5, 5, 9, 9))
    texts = Batch(["AB 12", ""], [(0, 0), (0, 1)])
    made = run_block(
        DetectionsClassesReplacement, object_detection_predictions=detections, classification_predictions=texts
    )["predictions"]
    assert columns.names(made) == ["AB 12"]
    empty = {"object_detection_predictions": None, "classification_predictions": None}
    assert run_block(DetectionsClassesReplacement, **empty) == {"predictions": None}
    none = run_block(
        DetectionsClassesReplacement, object_detection_predictions=detections, classification_predictions=None
    )
    assert len(none["predictions"]) == 0


def test_which_pairs_overlap() -> None:
    one = found(plain(100, 100), (0, 0, 10, 10), (50, 50, 60, 60), classes=("desk", "bed"))
    other = found(plain(100, 100), (5, 0, 15, 10), (9, 9, 12, 12), classes=("cup", "pen"))
    (row,) = run_block(OverlapAnalysis, reference_predictions=one, candidate_predictions=other)["overlaps"]
    assert (row["reference_class"], row["candidate_class"]) == ("desk", "cup")
    assert row["overlap_ratio"] == pytest.approx(0.5)
    assert set(row) == {f"{which}_{part}" for which in ("reference", "candidate") for part in PARTS} | {"overlap_ratio"}
    low = run_block(OverlapAnalysis, reference_predictions=one, candidate_predictions=other, min_overlap=0.005)
    assert len(low["overlaps"]) == 2


def test_masks_say_what_overlaps() -> None:
    half = np.zeros((1, 100, 100), bool)
    half[0, 0:10, 0:5] = True
    one = found(plain(100, 100), (0, 0, 10, 10), mask=half)
    beside = {"reference_predictions": one, "candidate_predictions": found(plain(100, 100), (5, 0, 15, 10))}
    assert run_block(OverlapAnalysis, **beside)["overlaps"] == [], "the boxes overlap, the mask does not"
    over = {"reference_predictions": one, "candidate_predictions": found(plain(100, 100), (0, 0, 10, 4))}
    assert run_block(OverlapAnalysis, **over)["overlaps"][0]["overlap_ratio"] == pytest.approx(0.4)


def test_a_pair_costs_what_does_not_overlap_and_the_cheapest_come_first() -> None:
    before = found(plain(100, 100), (0, 0, 10, 10), (20, 0, 30, 10), classes=("cup", "cup"))
    after = found(plain(100, 100), (18, 0, 28, 10), (60, 0, 70, 10), classes=("cup", "cup"))
    same = {"reference_predictions": before, "candidate_predictions": after}
    loose = run_block(DetectionsDifference, **same)  # 0.4 x (1 + 60 / 70.7) = 0.74 for those that are apart
    assert (loose["removed_count"], loose["new_count"]) == (0, 0)
    strict = run_block(DetectionsDifference, **same, reject_cost=0.4)
    assert strict["removed_detections"].xyxy.tolist() == [[0, 0, 10, 10]]
    assert strict["new_detections"].xyxy.tolist() == [[60, 0, 70, 10]]


def test_what_is_gone_what_stayed_and_what_is_new() -> None:
    before = found(plain(100, 100), (0, 0, 10, 10), (50, 50, 60, 60), classes=("cup", "pen"))
    after = found(plain(100, 100), (80, 0, 90, 10), (1, 1, 11, 11), classes=("cup", "cup"))
    answer = run_block(DetectionsDifference, reference_predictions=before, candidate_predictions=after)
    assert columns.names(answer["removed_detections"]) == ["pen"]
    assert answer["persisted_detections"].xyxy.tolist() == [[1, 1, 11, 11]]
    assert answer["new_detections"].xyxy.tolist() == [[80, 0, 90, 10]]
    assert (answer["removed_count"], answer["new_count"], answer["verified"]) == (1, 1, True)


def test_another_class_costs_or_forbids_a_match() -> None:
    before, after = (found(plain(100, 100), (0, 0, 10, 10), classes=(name,)) for name in ("cup", "mug"))
    same = {"reference_predictions": before, "candidate_predictions": after}
    assert run_block(DetectionsDifference, **same)["removed_count"] == 0
    assert run_block(DetectionsDifference, **same, class_strict=True)["removed_count"] == 1
    assert run_block(DetectionsDifference, **same, class_mismatch_penalty=0.8)["removed_count"] == 1
    nothing = run_block(DetectionsDifference, reference_predictions=columns.empty(), candidate_predictions=after)
    assert (nothing["removed_count"], nothing["new_count"], nothing["verified"]) == (0, 1, False)
