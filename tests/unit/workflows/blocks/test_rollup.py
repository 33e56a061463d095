"""Detections of crops, back in the image."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import supervision as sv

from shared.errors import InvalidRequest
from shared.workflows import detections as columns
from shared.workflows.batch import Batch
from shared.workflows.blocks.fusion.detections_list_rollup import DetectionsListRollup
from shared.workflows.blocks.transformations.dynamic_crop import DynamicCrop
from shared.workflows.images import WorkflowImage
from shared.workflows.testing import run_block
from tests.unit.workflows.pictures import found, masks, plain

IMAGE = plain(200, 100)
PARENTS = found(IMAGE, (10, 10, 90, 90), (60, 10, 140, 90), (150, 0, 210, 50))


def crops() -> list[WorkflowImage]:
    (made,) = run_block(DynamicCrop, images=Batch([IMAGE]), predictions=Batch([PARENTS]))
    return [one["crops"] for one in made]


def roll(*children: sv.Detections | None, **fields: Any) -> dict[str, Any]:
    answer: dict[str, Any] = run_block(
        DetectionsListRollup, parent_detection=PARENTS, child_detections=list(children), **fields
    )
    return answer


def seen(confidence: tuple[float, float] = (0.9, 0.5)) -> list[sv.Detections]:
    """An object at x 62 to 88 and 64 to 92 of the image, seen in two crops; another one in the first crop."""
    one, other, _ = crops()
    return [
        found(one, (52, 0, 78, 20), (0, 0, 20, 20), classes=("dog", "cat"), confidence=[confidence[0], 0.7]),
        found(other, (4, 0, 32, 20), classes=("dog",), confidence=[confidence[1]]),
    ]


def test_what_two_crops_show_is_one_object_in_the_image() -> None:
    answer = roll(*seen(), None)
    got = answer["rolled_up_detections"]
    assert got.xyxy.tolist() == [[62, 10, 92, 30], [10, 10, 30, 30]]
    assert columns.names(got) == ["dog", "cat"]
    assert got.confidence.tolist() == pytest.approx([0.9, 0.7])
    assert got.data[columns.PARENT_ID].tolist() == [IMAGE.parent_id] * 2
    assert got.data[columns.IMAGE_DIMENSIONS].tolist() == [[100, 200]] * 2
    assert got.data[columns.ROOT_PARENT_COORDINATES].tolist() == [[0, 0]] * 2
    assert answer["crop_zones"][0] == [[10, 10], [90, 10], [90, 90], [10, 90]]
    assert answer["crop_zones"][2][1] == [200, 0]  # cut where the image ends


@pytest.mark.parametrize(("strategy", "expected"), [("max", 0.9), ("mean", 0.7), ("min", 0.5)])
def test_strategies(strategy: str, expected: float) -> None:
    got = roll(*seen(), confidence_strategy=strategy)["rolled_up_detections"]
    assert got.confidence[0] == pytest.approx(expected)


def test_a_higher_threshold_or_one_crop_keeps_objects_apart() -> None:
    assert len(roll(*seen(), overlap_threshold=0.79)["rolled_up_detections"]) == 2  # their IoU is 24 / 30
    assert len(roll(*seen(), overlap_threshold=0.81)["rolled_up_detections"]) == 3
    one = found(crops()[0], (0, 0, 20, 20), (10, 0, 30, 20))
    assert len(roll(one)["rolled_up_detections"]) == 2


def test_masks_are_joined() -> None:
    one, other, _ = crops()
    parts = [
        found(one, (52, 0, 78, 20), mask=masks(one, (52, 0, 78, 20))),
        found(other, (4, 0, 32, 20), mask=masks(other, (4, 0, 32, 20))),
    ]
    (mask,) = roll(*parts)["rolled_up_detections"].mask
    assert mask.shape == (100, 200)
    assert np.argwhere(mask).min(axis=0).tolist() == [10, 62]
    assert int(mask.sum()) == 30 * 20


def test_keypoints_decide_where_there_are_some() -> None:
    one, other, _ = crops()
    points = {columns.KEYPOINTS_XY: [np.array([[60.0, 5.0], [70.0, 5.0]])]}
    shifted = {columns.KEYPOINTS_XY: [np.array([[13.0, 9.0], [23.0, 9.0]])]}  # 5 pixels from the first in the image
    parts = [found(one, (52, 0, 78, 20), **points), found(other, (4, 0, 32, 20), **shifted)]
    assert len(roll(*parts, keypoint_merge_threshold=5.1)["rolled_up_detections"]) == 1
    assert len(roll(*parts, keypoint_merge_threshold=4.9)["rolled_up_detections"]) == 2


def test_nothing_and_nonsense() -> None:
    assert len(roll(None, columns.empty())["rolled_up_detections"]) == 0
    with pytest.raises(InvalidRequest, match="max, mean or min"):
        roll(confidence_strategy="best")
    with pytest.raises(InvalidRequest, match="one for each crop"):
        run_block(DetectionsListRollup, parent_detection=PARENTS, child_detections=["text"])
