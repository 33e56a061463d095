"""Seconds of backlog: what a pool is scaled by, also when there is no pool."""

from __future__ import annotations

import pytest

from shared.fleet.backlog import Backlog, backlogs, queue_seconds
from shared.fleet.state import Fleet, QueueInfo, WorkerInfo


def queue(waiting: int, running: int = 0, stalled: int = 0, lane: str = "live", hardware: str = "cpu") -> QueueInfo:
    return QueueInfo(hardware, lane, "m", waiting, running, 0, 0, stalled=stalled)


def worker(name: str, speed: float | None, hardware: str = "cpu", state: str = "ready") -> WorkerInfo:
    made = WorkerInfo(name, hardware, "host", 1, "0", 0, state=state)  # type: ignore[arg-type] # a word of the three
    made.held = [{"id": "m"}]
    made.speeds = {} if speed is None else {"m": speed}
    return made


def only(fleet: Fleet) -> Backlog:
    (found,) = backlogs(fleet)
    return found


def test_it_is_what_waits_in_all_lanes_over_what_the_pool_serves() -> None:
    fleet = Fleet([worker("a", 4.0), worker("b", 6.0)], queues=[queue(15), queue(5, running=2, lane="bulk")])
    found = only(fleet)
    assert (found.waiting, found.running, found.rate, found.seconds) == (20, 2, 10.0, 2.0)
    assert found.work_seconds == pytest.approx(22 / 5), "in seconds of one worker"


def test_nothing_that_waits_is_no_backlog() -> None:
    assert only(Fleet([worker("a", 4.0)], queues=[queue(0, running=3)])).seconds == 0
    assert only(Fleet([], queues=[queue(0)])).seconds == 0


def test_without_workers_the_speed_last_seen_counts() -> None:
    fleet = Fleet([], queues=[queue(30)], speeds={"cpu": {"m": 3.0}, "gpu": {"m": 300.0}})
    assert only(fleet).seconds == 10
    fleet.queues[0].hardware = "any"
    assert only(fleet).seconds == 10, "of any hardware the slowest"


def test_what_never_ran_counts_one_job_per_second() -> None:
    assert only(Fleet([], queues=[queue(7)])).seconds == 7
    assert only(Fleet([worker("a", None)], queues=[queue(7)])).seconds == 7, "it has just loaded the model"


def test_jobs_of_lost_workers_wait() -> None:
    found = only(Fleet([], queues=[queue(0, running=3, stalled=2)]))
    assert (found.waiting, found.running, found.seconds) == (2, 1, 2.0), "zero workers must become one"


def test_who_drains_or_holds_other_models_or_has_other_hardware_does_not_serve() -> None:
    other = worker("c", 50.0)
    other.held = [{"id": "else"}]
    pool = [worker("a", 2.0), worker("b", 2.0, state="draining"), other, worker("d", 2.0, "gpu")]
    assert only(Fleet(pool, queues=[queue(4)])).seconds == 2.0
    assert only(Fleet(pool, queues=[queue(4, hardware="any")])).seconds == 1.0


def test_the_parts_of_the_lanes_add_up_to_the_backlog() -> None:
    lanes = [queue(15, stalled=1, running=1), queue(4, lane="bulk"), queue(0, lane="normal")]
    fleet = Fleet([worker("a", 4.0), worker("b", 6.0)], queues=[lanes[0], queue(3, hardware="gpu"), *lanes[1:]])
    assert queue_seconds(fleet) == [1.6, 3.0, 0.4, 0.0]
    assert [found.seconds for found in backlogs(fleet)] == [2.0, 3.0]


def test_one_per_hardware_and_model() -> None:
    one, two = queue(1), queue(2)
    two.model = "n"
    assert [
        (found.hardware, found.model) for found in backlogs(Fleet(queues=[two, queue(3, hardware="gpu"), one]))
    ] == [
        ("cpu", "m"),
        ("cpu", "n"),
        ("gpu", "m"),
    ]
