"""What an API replica knows of the fleet: no request waits for a reading, and the registry is everybody's at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from shared.fleet import view
from shared.fleet.report import FleetReporter
from shared.fleet.state import ModelInfo, WorkerInfo
from shared.fleet.view import FleetView
from shared.redis import connect
from shared.settings import QueueSettings, RedisSettings
from tests.redis_server import RedisServer

pytestmark = pytest.mark.integration


@pytest.fixture
def reporter(redis_url: str) -> FleetReporter:
    return FleetReporter(connect(RedisSettings(redis_url=redis_url)))


@pytest.fixture
async def replicas(redis_url: str) -> AsyncIterator[tuple[FleetView, FleetView]]:
    settings = RedisSettings(redis_url=redis_url)
    one, other = FleetView(settings, QueueSettings()), FleetView(settings, QueueSettings())
    yield one, other
    await one.close()
    await other.close()


def beat(reporter: FleetReporter, *models: str, held: tuple[str, ...] = ()) -> None:
    worker = WorkerInfo("w1", "cpu", "host", 1, "0.1.0", 0, state="ready")
    worker.held = [{"id": name, "digest": "d", "bytes": 1, "pinned": False} for name in held]
    catalog = [
        ModelInfo(name, "object-detection", "yolov8", hardware=["cpu"], aliases=[f"{name}/1"]) for name in models
    ]
    reporter.beat(worker, catalog)


async def test_every_replica_sees_the_registry_at_once(
    reporter: FleetReporter, replicas: tuple[FleetView, FleetView]
) -> None:
    beat(reporter, "m", "held", held=("held",))
    one, other = replicas
    for replica in replicas:
        assert (await replica.listed()).active == {"held"}, "what is loaded is listed without being asked for"
    await one.activate("m", "m/1")
    assert (await other.listed()).active == {"held", "m", "m/1"}
    await other.deactivate("m", "m/1", "held")
    assert (await one.listed()).active == set()
    assert (await one.snapshot(fresh=True)).active == set(), "removed although a worker still holds it"
    await one.activate("held")
    assert (await other.listed()).active == {"held"}
    await one.activate("gone-again")
    assert (await other.listed()).active == {"held"}, "a model that nobody has is not listed"


async def test_a_reading_is_renewed_behind_the_requests(
    reporter: FleetReporter, replicas: tuple[FleetView, FleetView], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = replicas
    beat(reporter, "m")
    first = await one.snapshot()
    beat(reporter, "m", "n")
    assert await one.snapshot() is first, "fresh enough"
    monkeypatch.setattr(view, "FRESH_S", 0.0)
    monkeypatch.setattr(view, "STALE_S", 60.0)
    assert await one.snapshot() is first, "the old one, at once"
    for _ in range(500):
        if set((await one.snapshot()).models) == {"m", "n"}:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("never renewed")


async def test_an_old_reading_is_not_served_for_long(
    redis_server: RedisServer,
    reporter: FleetReporter,
    replicas: tuple[FleetView, FleetView],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, _ = replicas
    beat(reporter, "m")
    await one.snapshot()
    monkeypatch.setattr(view, "STALE_S", 0.0)
    monkeypatch.setattr(view, "FRESH_S", 0.0)
    beat(reporter, "m", "n")
    assert set((await one.snapshot()).models) == {"m", "n"}, "too old: this request waited for the new one"
