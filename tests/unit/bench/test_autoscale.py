"""The simulator of scaling: what it decides, and that it serves and pays for what it should."""

from __future__ import annotations

import pytest

from bench.autoscale.policy import Policy, Scaler
from bench.autoscale.pool import Machine, Pool
from bench.autoscale.traffic import TRAFFIC, bursts


def test_the_pool_grows_by_the_ratio_and_no_faster_than_the_policy() -> None:
    scaler = Scaler(Policy(target=2.0, most=10), 1)
    assert scaler.decide(0, 2.1, 1) == 1, "within the tolerance"
    assert scaler.decide(15, 4.0, 1) == 2
    assert scaler.decide(30, 100.0, 2) == 6, "three times as many"
    assert scaler.decide(45, 100.0, 2) == 10
    assert Scaler(Policy(metric="work", target=2.0), 1).decide(0, 5.0, 1) == 3


def test_it_shrinks_slowly_and_only_after_a_quiet_time() -> None:
    scaler = Scaler(Policy(settle=120.0), 8)
    scaler.decide(0, 2.0, 8)
    assert [scaler.decide(now, 0.0, 8) for now in (15, 60, 115)] == [8, 8, 8]
    assert [scaler.decide(now, 0.0, 8) for now in (135, 150, 195, 210)] == [4, 4, 2, 2]


def test_zero_is_left_as_soon_as_something_waits() -> None:
    scaler = Scaler(Policy(least=0, cooldown=120.0), 0)
    assert (scaler.decide(0, 0.0, 0), scaler.wake(5, 0.0), scaler.wake(10, 0.1)) == (0, 0, 1)
    assert [scaler.wake(now, 0.0) for now in (15, 129, 130)] == [1, 1, 0]
    assert Scaler(Policy(least=1), 1).wake(1e6, 0.0) == 1


def test_a_fixed_pool_is_paid_for_all_the_time_and_serves_in_order() -> None:
    outcome = Pool(Machine(speed=10.0), 2).run([0.0, 0.0, 0.0, 5.0], 3600)
    assert outcome.waits == pytest.approx([0.0, 0.0, 0.1, 0.0])
    assert outcome.paid == pytest.approx(2 * 3600, abs=1)


def test_a_pool_of_none_starts_serves_and_goes() -> None:
    outcome = Pool(Machine(speed=10.0, startup=40.0), 0, Policy(least=0)).run([100.0], 3600)
    assert len(outcome.waits) == 1
    assert 40 < outcome.waits[0] < 40 + 15 + 5 + 1, "until the scrape, the poll, the start"
    assert 100 < outcome.paid < 400


def test_scaling_waits_less_than_the_small_pool_and_costs_less_than_the_large_one() -> None:
    seconds, machine = 1800.0, Machine()
    jobs = list(bursts(seconds, 1))
    small, large = (Pool(machine, size).run(jobs, seconds) for size in (1, 6))
    scaled = Pool(machine, 1, Policy()).run(jobs, seconds)
    assert len(small.waits) == len(large.waits) == len(scaled.waits) == len(jobs)
    assert large.wait(0.99) < scaled.wait(0.99) < small.wait(0.99)
    assert scaled.paid < large.paid


def test_traffic_repeats_itself() -> None:
    for arrivals in TRAFFIC.values():
        assert list(arrivals(1800, 7)) == list(arrivals(1800, 7)) != list(arrivals(1800, 8))
