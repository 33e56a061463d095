"""A dispatcher always closes, whatever its loops are doing."""

from __future__ import annotations

import asyncio

import pytest

from shared.errors import QueueUnavailable
from shared.jobs import Job
from shared.queue.dispatcher import Dispatcher
from shared.settings import QueueSettings, RedisSettings
from tests.redis_server import RedisServer, free_port

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("after_s", [0.0, 0.05, 0.25, 0.5])
async def test_it_closes_while_it_reconnects(redis_server: RedisServer, after_s: float) -> None:
    queue = Dispatcher(RedisSettings(redis_url=redis_server.url), QueueSettings())
    await queue.start()
    await queue.submit(Job("m", [b"x"]))
    redis_server.kill()
    await asyncio.sleep(after_s)
    await asyncio.wait_for(queue.close(), 5)


async def test_it_closes_when_nobody_ever_answered() -> None:
    queue = Dispatcher(RedisSettings(redis_url=f"redis://127.0.0.1:{free_port()}/0"), QueueSettings())
    await queue.start()
    with pytest.raises(QueueUnavailable):
        await queue.submit(Job("m", [b"x"]))
    await asyncio.wait_for(queue.close(), 5)


async def test_it_closes_although_a_cancelation_is_swallowed(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = Dispatcher(RedisSettings(redis_url=redis_url), QueueSettings())
    swallowed = []

    async def stubborn(*_: object, **__: object) -> list[object]:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            swallowed.append(1)
        return []

    monkeypatch.setattr(queue._line, "_read", stubborn)
    await queue.start()
    await asyncio.sleep(0.05)
    await asyncio.wait_for(queue.close(), 5)
    assert swallowed == [1]


async def test_whoever_waits_is_told(redis_url: str) -> None:
    queue = Dispatcher(RedisSettings(redis_url=redis_url), QueueSettings())
    await queue.start()
    call = asyncio.create_task(queue.call([Job("m", [b"x"])]))
    await asyncio.sleep(0.1)
    await asyncio.wait_for(queue.close(), 5)
    with pytest.raises(QueueUnavailable):
        await call
    with pytest.raises(QueueUnavailable):
        await queue.submit(Job("m", [b"x"]))
