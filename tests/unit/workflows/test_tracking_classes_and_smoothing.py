"""Locked classes and steadier boxes of tracks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from shared.errors import InvalidRequest
from shared.workflows.tracking.class_lock import ClassLock, Locked, LockRules
from shared.workflows.tracking.smoothing import Stabilizer

BOX = np.array([0.0, 0, 10, 10])
RULES = LockRules(min_votes=3, lead_margin=2, switch_after=3, state_ttl=5, reattach_window=2, reattach_iou=0.3)


def watch(
    lock: ClassLock, votes: list[tuple[str, float]], *, id_: int = 1, box: Any = BOX, rules: Any = RULES
) -> list[Locked | None]:
    out = []
    for name, confidence in votes:
        lock.begin_frame({id_}, rules)
        out.append(lock.see(id_, box, (name, {"cat": 0, "dog": 1}[name], confidence), rules))
    return out


def test_a_class_is_locked_by_votes_and_lead() -> None:
    # Votes by then: cat 1; cat 1 dog 1; cat 2; cat 3 (lead 2).
    seen = watch(ClassLock(), [("cat", 0.9), ("dog", 0.9), ("cat", 0.9), ("cat", 1.0)])
    assert seen[:3] == [None, None, None]
    assert seen[3] == Locked("cat", 0, pytest.approx((0.9 + 0.9 + 1.0) / 3))


def test_doubtful_frames_are_no_votes() -> None:
    assert watch(ClassLock(), [("cat", 0.79)] * 10)[-1] is None


def test_a_lock_overrides_and_changes_only_after_an_unbroken_row() -> None:
    lock = ClassLock()
    watch(lock, [("cat", 0.9)] * 3)
    shown = [got.name for got in watch(lock, [("dog", 0.9), ("dog", 0.9), ("cat", 0.9), ("dog", 0.9), ("dog", 0.5)])]
    assert shown == ["cat"] * 5
    shown = watch(lock, [("dog", 0.8), ("dog", 0.9), ("dog", 1.0)])
    assert [got.name for got in shown] == ["cat", "cat", "dog"]
    assert shown[-1] == Locked("dog", 1, pytest.approx(0.9))


def test_a_new_id_at_the_same_place_inherits_the_lock() -> None:
    lock = ClassLock()
    watch(lock, [("cat", 0.9)] * 3)
    near, far = BOX + 2, BOX + 50
    assert watch(lock, [("dog", 0.9)], id_=7, box=far) == [None]
    assert watch(lock, [("dog", 0.9)], id_=8, box=near)[0].name == "cat"


def test_a_lock_is_not_taken_from_a_track_in_sight_nor_after_the_window() -> None:
    lock = ClassLock()
    watch(lock, [("cat", 0.9)] * 3)
    lock.begin_frame({1, 2}, RULES)
    assert lock.see(2, BOX, ("dog", 1, 0.9), RULES) is None
    lock = ClassLock()
    watch(lock, [("cat", 0.9)] * 3)
    for _ in range(2):
        lock.begin_frame(set(), RULES)
    assert watch(lock, [("dog", 0.9)], id_=5) == [None], "three frames later"


def test_unseen_tracks_are_forgotten() -> None:
    lock = ClassLock()
    watch(lock, [("cat", 0.9)] * 3)
    for _ in range(6):
        lock.begin_frame(set(), RULES)
    assert watch(lock, [("dog", 0.9)]) == [None]


@pytest.mark.parametrize("bad", [{"min_votes": 0}, {"vote_confidence": 1.1}, {"switch_after": 0}, {"reattach_iou": -1}])
def test_rules_have_bounds(bad: Any) -> None:
    with pytest.raises(InvalidRequest, match=next(iter(bad))):
        LockRules(**bad)


def test_boxes_move_a_part_of_the_way() -> None:
    steady = Stabilizer(window=3, coefficient=0.25)
    first, _ = steady.update([1], np.array([[0.0, 0, 10, 10]]))
    second, drifting = steady.update([1], np.array([[8.0, 4, 18, 14]]))
    assert first.tolist() == [[0, 0, 10, 10]]
    assert second.tolist() == [[2, 1, 12, 11]]
    assert drifting == {}


def test_a_lost_track_drifts_on_for_as_many_frames_as_it_was_measured() -> None:
    steady = Stabilizer(window=3, coefficient=1.0)
    for frame in range(6):
        steady.update([1], np.array([[5.0 * frame, 0, 5.0 * frame + 10, 10]]))
    gone = [steady.update([], np.zeros((0, 4)))[1] for _ in range(4)]
    assert [list(boxes) for boxes in gone] == [[1], [1], [1], []]
    assert gone[0][1] == pytest.approx([30, 0, 40, 10], abs=0.2)
    assert gone[2][1] == pytest.approx([40, 0, 50, 10], abs=0.6)


def test_a_still_track_seen_once_does_not_drift() -> None:
    steady = Stabilizer()
    steady.update([1], np.array([[0.0, 0, 10, 10]]))
    assert steady.update([], np.zeros((0, 4)))[1] == {}


def test_bounds() -> None:
    with pytest.raises(InvalidRequest, match="smoothing_window_size"):
        Stabilizer(window=0)
