"""Tracking by boxes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from shared.workflows.tracking import kalman
from shared.workflows.tracking.bytetrack import NO_ID, ByteTrack
from shared.workflows.tracking.matching import assign, iou


def test_iou() -> None:
    got = iou([[0, 0, 10, 10]], [[0, 0, 10, 10], [5, 0, 15, 10], [20, 20, 30, 30], [3, 3, 3, 9]])
    assert got == pytest.approx(np.array([[1, 1 / 3, 0, 0]]))
    assert iou([], [[0, 0, 1, 1]]).shape == (0, 1)


def test_assign_takes_the_cheapest_total_within_the_limit() -> None:
    cost = np.array([[0.1, 0.2], [0.2, 0.9]])
    assert assign(cost, 0.8) == [(0, 1), (1, 0)]
    assert assign(cost, 0.15) == [(0, 0)]
    assert assign(np.zeros((0, 3)), 1) == []


def test_kalman_learns_a_constant_speed() -> None:
    state = kalman.born(np.array([0.0, 0, 20, 40]))
    for step in range(1, 15):
        state = kalman.corrected(kalman.predicted(state), np.array([5.0 * step, 0, 20 + 5.0 * step, 40]))
    assert state.mean[4] == pytest.approx(5, abs=0.2)
    assert kalman.predicted(state).xyxy == pytest.approx([75, 0, 95, 40], abs=1)


def moving(frame: int, *, start: Any = (0, 0), speed: Any = (4, 0)) -> list[float]:
    x, y = start[0] + speed[0] * frame, start[1] + speed[1] * frame
    return [x, y, x + 30, y + 30]


def test_ids_stay_with_objects_whatever_order_boxes_come_in() -> None:
    tracker = ByteTrack()
    for frame in range(20):
        boxes = [moving(frame), moving(frame, start=(200, 50), speed=(-4, 1))]
        flip = frame % 2 == 1
        ids = tracker.update(boxes[::-1] if flip else boxes, [0.9, 0.9])
        assert ids.tolist() == ([2, 1] if flip else [1, 2])


def test_weak_boxes_keep_a_track_but_begin_none() -> None:
    tracker = ByteTrack(activation=0.5)
    assert tracker.update([moving(0)], [0.9]).tolist() == [1]
    for frame in range(1, 10):
        ids = tracker.update([moving(frame), moving(frame, start=(200, 200))], [0.2, 0.2])
        assert ids.tolist() == [1, NO_ID]


def test_a_later_object_is_named_when_seen_twice() -> None:
    tracker = ByteTrack()
    tracker.update([moving(0)], [0.9])
    other = [300, 300, 330, 330]
    assert tracker.update([moving(1), other], [0.9, 0.9]).tolist() == [1, NO_ID]
    assert tracker.update([moving(2), other], [0.9, 0.9]).tolist() == [1, 2]


def test_an_object_seen_once_leaves_no_track() -> None:
    tracker = ByteTrack()
    tracker.update([moving(0)], [0.9])
    other = [300, 300, 330, 330]
    tracker.update([moving(1), other], [0.9, 0.9])
    tracker.update([moving(2)], [0.9])
    assert tracker.update([moving(3), other], [0.9, 0.9]).tolist() == [1, NO_ID]


@pytest.mark.parametrize(("unseen", "same"), [(5, True), (15, False)])
def test_a_lost_object_is_found_again_within_the_buffer(unseen: Any, same: Any) -> None:
    tracker = ByteTrack(lost_buffer=10)
    for frame in range(5):
        tracker.update([moving(frame)], [0.9])
    for _ in range(unseen):
        assert tracker.update([], []).tolist() == []
    seen = [tracker.update([moving(4 + unseen + n)], [0.9]).tolist() for n in (1, 2)]
    assert seen == ([[1], [1]] if same else [[NO_ID], [2]])


def test_the_buffer_is_in_frames_of_thirty_per_second() -> None:
    tracker = ByteTrack(lost_buffer=10, fps=60)
    tracker.update([moving(0, speed=(0, 0))], [0.9])
    for _ in range(18):
        tracker.update([], [])
    assert tracker.update([moving(0)], [0.9]).tolist() == [1]


def test_consecutive_matches_are_asked_for() -> None:
    tracker = ByteTrack(consecutive=3)
    assert [tracker.update([moving(frame)], [0.9]).tolist() for frame in range(5)] == [
        [NO_ID],
        [NO_ID],
        [1],
        [1],
        [1],
    ]


def test_crossing_objects_keep_their_ids() -> None:
    tracker = ByteTrack()
    for frame in range(40):
        left, right = moving(frame, speed=(8, 3)), moving(frame, start=(300, 0), speed=(-8, 3.5))
        ids = tracker.update([left, right], [0.9, 0.8]).tolist()
    assert ids == [1, 2]
