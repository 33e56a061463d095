"""Jobs per busy second."""

from __future__ import annotations

import pytest

from worker_service.consumer.speed import MEMORY_S, Speed


def test_idle_time_does_not_count() -> None:
    speed = Speed()
    speed.begin(0)
    speed.end(0.5)
    assert speed.jobs_per_s(100) == pytest.approx(2.0)
    speed.begin(200)
    speed.end(200.5)
    assert speed.jobs_per_s(1000) == pytest.approx(2.0)


def test_jobs_at_the_same_time_share_it() -> None:
    speed = Speed()
    for _ in range(4):
        speed.begin(0)
    for _ in range(4):
        speed.end(1)
    assert (speed.held, speed.jobs_per_s(1)) == (0, pytest.approx(4.0))


def test_there_is_none_before_the_first_has_ended_and_one_that_hangs_lowers_it() -> None:
    speed = Speed()
    speed.begin(0)
    assert speed.jobs_per_s(5) == 0
    speed.end(10)
    speed.begin(10)
    assert speed.jobs_per_s(20) == pytest.approx(1 / 15, rel=0.2)
    assert speed.jobs_per_s(120) < 1 / 100


def test_the_recent_weighs_more() -> None:
    speed = Speed()
    for second in range(100):  # one per second
        speed.begin(second)
        speed.end(second + 1)
        slow = speed.jobs_per_s(second + 1)
    for second in range(int(5 * MEMORY_S)):  # ten per second
        for _ in range(10):
            speed.begin(100 + second)
        for _ in range(10):
            speed.end(101 + second)
        fast = speed.jobs_per_s(101 + second)
    assert slow == pytest.approx(1.0)
    assert fast == pytest.approx(10.0, rel=0.02)
