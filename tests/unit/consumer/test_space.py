"""When a worker may take more, and who is woken for it."""

from __future__ import annotations

import threading

from tests.unit.consumer.fakes import take
from worker_service.consumer.pace import Pace
from worker_service.consumer.space import Room, Space


def test_room_opens_when_half_of_it_is_free() -> None:
    space = Space(Pace(0), 8, 1)
    space.wait(True, 8)
    assert space.room(0) == Room(0, 8)
    space.begin([True] * 3)
    assert space.room(0) == Room(0, 8)
    space.begin([True])
    assert space.room(0) == Room(4, 8)


def test_a_job_may_be_larger_than_the_room() -> None:
    space = Space(Pace(0), 1, 1)
    space.wait(False, 5)
    assert space.room(0) == Room(1, 0)
    space.begin([False] * 5)
    assert space.room(0) == Room(1, 1)


def test_a_pause_ends_when_room_opens_also_before_it_began() -> None:
    space = Space(Pace(0), 4, 1)
    space.wait(True, 4)
    known = space.room(0)
    assert not space.pause(known, 0.01)
    space.begin([True, True])
    assert space.pause(known, 0), "it opened in between"
    space.wait(True, 2)
    waker = threading.Thread(target=lambda: space.begin([True] * 4))
    waker.start()
    assert space.pause(known, 30)
    waker.join()


def test_who_waits_for_the_end_is_told_when_the_last_has_left() -> None:
    space, one, other = Space(Pace(0), 4, 1), take("a"), take("b")
    space.enter(one)
    space.enter(other)
    assert space.leave([one]) == [one]
    assert space.leave([one]) == [], "no longer here"
    assert not space.emptied(0.01)
    waker = threading.Thread(target=lambda: space.leave([other]))
    waker.start()
    assert space.emptied(30)
    waker.join()
