"""What several models agree on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import supervision as sv

from shared.workflows import detections as columns
from shared.workflows.batch import Batch
from shared.workflows.blocks.fusion.detections_consensus import (
    AggregationMode,
    DetectionsConsensus,
    MaskAggregationMode,
)
from shared.workflows.testing import run_block
from tests.unit.workflows.pictures import found, masks, plain

IMAGE = plain(100, 100)
ONE = found(IMAGE, (0, 0, 10, 10), (50, 50, 60, 60), classes=("cat", "dog"), confidence=[0.8, 0.7])
TWO = found(IMAGE, (1, 0, 11, 10), (50, 50, 62, 62), classes=("cat", "cow"), confidence=[0.6, 0.5])
THREE = found(IMAGE, (0, 0, 10, 12), classes=("cat",), confidence=[0.4])


def agreed(*sources: sv.Detections, votes: int = 2, **values: Any) -> dict[str, Any]:
    batches = [Batch([source]) for source in sources]
    (answer,) = run_block(DetectionsConsensus, predictions=batches, required_votes=votes, **values)
    made: dict[str, Any] = answer
    return made


def test_votes_for_one_object() -> None:
    answer = agreed(ONE, TWO, THREE)
    assert columns.names(answer["predictions"]) == ["cat"]
    assert answer["predictions"].xyxy[0].tolist() == pytest.approx([1 / 3, 0, 31 / 3, 32 / 3])
    assert answer["predictions"].confidence.tolist() == pytest.approx([0.6])
    assert answer["object_present"] is True
    assert answer["presence_confidence"] == {"cat": pytest.approx(0.6)}
    assert answer["predictions"].data[columns.PARENT_ID].tolist() == [IMAGE.parent_id]


def test_classes_may_differ_when_they_do_not_count() -> None:
    answer = agreed(ONE, TWO, class_aware=False)
    assert columns.names(answer["predictions"]) == ["cat", "dog"], "of a tie, the first source's class"
    assert answer["presence_confidence"] == {"any_object": pytest.approx(0.7)}


def test_more_votes_more_overlap_more_confidence() -> None:
    assert len(agreed(ONE, TWO, votes=3)["predictions"]) == 0
    assert len(agreed(ONE, TWO, iou_threshold=0.9)["predictions"]) == 0
    assert len(agreed(ONE, TWO, confidence=0.75)["predictions"]) == 0
    alone = agreed(ONE, columns.empty(), votes=1)
    assert columns.names(alone["predictions"]) == ["cat", "dog"]
    assert agreed(columns.empty(), columns.empty()) | {"predictions": None} == {
        "predictions": None,
        "object_present": False,
        "presence_confidence": {},
    }


def test_only_some_classes_count() -> None:
    assert len(agreed(ONE, TWO, classes_to_consider=["dog"])["predictions"]) == 0


@pytest.mark.parametrize(
    ("required", "present"), [(1, True), (2, False), ({"cat": 1}, True), ({"cat": 1, "dog": 1}, False)]
)
def test_how_many_must_be_there(required: Any, present: bool) -> None:
    assert agreed(ONE, TWO, required_objects=required)["object_present"] is present


def test_each_detection_votes_once() -> None:
    twins = found(IMAGE, (0, 0, 10, 10), (1, 0, 11, 10), classes=("cat", "cat"))
    assert len(agreed(twins, found(IMAGE, (0, 0, 10, 10)))["predictions"]) == 1


@pytest.mark.parametrize(
    ("mode", "box", "confidence"),
    [
        (AggregationMode.AVERAGE, [0, 0, 10, 11], 0.6),
        (AggregationMode.MAX, [0, 0, 10, 12], 0.8),
        (AggregationMode.MIN, [0, 0, 10, 10], 0.4),
    ],
)
def test_merging_boxes_and_confidence(mode: AggregationMode, box: list[float], confidence: float) -> None:
    answer = agreed(
        found(IMAGE, (0, 0, 10, 10), confidence=[0.8]),
        THREE,
        detections_merge_coordinates_aggregation=mode,
        detections_merge_confidence_aggregation=mode,
    )
    assert answer["predictions"].xyxy[0].tolist() == box
    assert answer["predictions"].confidence.tolist() == pytest.approx([confidence])


@pytest.mark.parametrize(
    ("mode", "area"),
    [
        (MaskAggregationMode.UNION, 12 * 10 + 10 * 2),
        (MaskAggregationMode.INTERSECTION, 10 * 8),
        (MaskAggregationMode.MAX, 12 * 10),
        (MaskAggregationMode.MIN, 10 * 10),
    ],
)
def test_merging_masks(mode: MaskAggregationMode, area: int) -> None:
    wide = found(IMAGE, (0, 0, 12, 10), mask=masks(IMAGE, (0, 0, 12, 10)))
    low = found(IMAGE, (0, 2, 10, 12), mask=masks(IMAGE, (0, 2, 10, 12)))
    answer = agreed(wide, low, detections_merge_mask_aggregation=mode)
    made = answer["predictions"]
    assert int(np.asarray(made.mask).sum()) == area
    rows, columns_ = np.nonzero(np.asarray(made.mask)[0])
    assert made.xyxy[0].tolist() == [columns_.min(), rows.min(), columns_.max(), rows.max()], "the box around the mask"
