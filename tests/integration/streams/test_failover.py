"""Whatever dies, streams go on: another replica takes over, commands count, Redis may restart."""

from __future__ import annotations

import asyncio
import signal

import pytest

from tests.cameras.camera import Camera
from tests.integration.streams.system import System
from tests.redis_server import RedisServer

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]


async def test_commands_hold_and_may_be_repeated(system: System, camera: Camera) -> None:
    stream = await system.create(camera.url)
    await system.flowing(stream)
    for desired, state in (("paused", "paused"), ("running", "running"), ("muted", "running"), ("running", "running")):
        for _ in range(2):
            await system.store.desire(stream, desired)  # type: ignore[arg-type] # of the table above
        await system.until_source(stream, lambda one, state=state: one["state"] == state, desired)  # type: ignore[misc]
    await system.flowing(stream)
    for _ in range(2):
        await system.store.restart(stream)
    await system.flowing(stream)
    for _ in range(2):
        await system.store.terminate(stream)
    assert await system.store.all() == []


async def test_a_muted_camera_is_read_and_nothing_is_processed(system: System, camera: Camera) -> None:
    stream = await system.create(camera.url)
    await system.flowing(stream)
    await system.store.desire(stream, "muted")
    await system.until_source(stream, lambda one: one["counts"].get("muted", 0) > 5, "muted frames")
    before = (await system.source(stream))["counts"]
    await system.until_source(stream, lambda one: one["counts"]["muted"] > before["muted"] + 10, "more of them")
    assert (await system.source(stream))["counts"]["ok"] <= before["ok"] + 2


async def test_redis_restarts(system: System, camera: Camera, stream_redis: RedisServer) -> None:
    stream = await system.create(camera.url)
    await system.flowing(stream)
    await asyncio.to_thread(stream_redis.restart)
    await system.flowing(stream)
    assert (await system.store.get(stream)).epoch == 1  # nobody else took it up


async def test_a_killed_replica_is_replaced(system: System, camera: Camera) -> None:
    """Frames flow again within 15 s; what was commanded to nobody counts; the one that was stopped gives way."""
    second = system.streams()
    await system.ready(2)
    streams = [await system.create(camera.path(f"cam/{number}")) for number in range(4)]
    await asyncio.gather(*(system.flowing(stream) for stream in streams))
    owners = {stream.owner for stream in await system.store.all()}
    assert len(owners) == 2  # they share the load
    mine = [stream for stream in await system.store.all() if str(second.pid) in stream.owner]
    second.kill()
    await system.store.desire(mine[0].id, "paused")
    await system.until_stream(mine[0].id, lambda one: one.owned and one.owner != mine[0].owner, "taken over")
    await system.until_source(mine[0].id, lambda one: one["state"] == "paused", "the command is known")
    await asyncio.gather(*(system.flowing(stream.id, seconds=15) for stream in mine[1:]))
    assert all(stream.epoch == 2 for stream in await system.store.all() if stream.id in {one.id for one in mine})


async def test_a_stopped_replica_gives_its_streams_away_and_takes_none_back(system: System, camera: Camera) -> None:
    second = system.streams()
    await system.ready(2)
    streams = [await system.create(camera.path(f"cam/{number}")) for number in range(2)]
    await asyncio.gather(*(system.flowing(stream) for stream in streams))
    mine = next(stream for stream in await system.store.all() if str(second.pid) in stream.owner)
    second.signal(signal.SIGSTOP)
    await system.until_stream(mine.id, lambda one: one.owned and one.owner != mine.owner, "taken over")
    await system.flowing(mine.id)
    second.signal(signal.SIGCONT)
    await system.flowing(mine.id, 20)
    now = await system.store.get(mine.id)
    assert (now.epoch, str(second.pid) in now.owner) == (2, False)
    second.signal(signal.SIGTERM)
    assert await asyncio.to_thread(second.ended, 20) == 0


async def test_an_orderly_end_hands_over_at_once(system: System, camera: Camera) -> None:
    second = system.streams()
    await system.ready(2)
    streams = [await system.create(camera.path(f"cam/{number}")) for number in range(2)]
    await asyncio.gather(*(system.flowing(stream) for stream in streams))
    second.signal(signal.SIGTERM)
    assert await asyncio.to_thread(second.ended, 20) == 0
    await system.ready(1)
    await asyncio.gather(*(system.flowing(stream) for stream in streams))
