"""bench.scale's simulation against what queueing theory says of the same stations."""

from __future__ import annotations

import pytest

from bench.scale.fleet import ACCEPT, FETCH, FINISH, Costs, Fleet, Simulation


def test_an_idle_fleet_adds_its_service_times_and_nothing_else() -> None:
    costs = Costs(api_ms=1, redis_ms=2, batch_ms=3, image_ms=4)
    found = Simulation(Fleet(1, 1, 1), costs, 100).run(rate=0.1, requests=200)
    assert found.quantile(0.5) == pytest.approx(1 + 2 + 3 + 4)
    assert pytest.approx(1) == ACCEPT + FETCH + FINISH


@pytest.mark.parametrize("load", [0.5, 0.8])
def test_one_api_process_waits_as_pollaczek_and_khinchine_say(load: float) -> None:
    """M/D/1: mean wait = load * service / (2 * (1 - load))."""
    costs = Costs(api_ms=1, redis_ms=1e-6, batch_ms=1e-6, image_ms=1e-6)
    found = Simulation(Fleet(1, 1, 1000), costs, 10**6).run(rate=load * 1000, requests=80_000)
    steady = found.steady()
    mean_ms = 1000 * sum(steady) / len(steady)
    assert mean_ms == pytest.approx(1 + load / (2 * (1 - load)), rel=0.08)
    assert found.busy["api"] == pytest.approx(load, rel=0.02)


def test_one_redis_answers_no_more_than_its_time_allows_and_two_twice_that() -> None:
    costs = Costs(api_ms=0.01, redis_ms=0.1, batch_ms=0.1, image_ms=0.01)
    one = Simulation(Fleet(10, 1, 50), costs, 1000).run(rate=30_000, requests=30_000)
    two = Simulation(Fleet(10, 2, 50), costs, 1000).run(rate=30_000, requests=30_000)
    assert one.rate == pytest.approx(10_000, rel=0.08)
    assert two.rate == pytest.approx(20_000, rel=0.08)
    assert one.busy["redis"] > 0.97
    assert one.refused == one.offered - len(one.answers) > 0


def test_batches_grow_with_the_queue() -> None:
    costs = Costs(api_ms=0.01, redis_ms=0.01, batch_ms=10, image_ms=0.1, max_batch=8)
    calm = Simulation(Fleet(1, 1, 1), costs, 10_000).run(rate=5, requests=200)
    busy = Simulation(Fleet(1, 1, 1), costs, 10_000).run(rate=700, requests=3000)
    assert 200 / calm.batches < 1.2
    assert 3000 / busy.batches > 7
