"""The line to Redis outlives broken connections, however they break: no call of a process may hang for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import pytest

from bench.chaos.proxy import Proxy
from shared import keys
from shared.errors import QueueUnavailable
from shared.queue import scripts
from shared.queue.line import Line
from shared.redis import Command
from shared.settings import RedisSettings
from shared.wire import Wire

pytestmark = pytest.mark.integration
CALL = scripts.SWEEP([keys.DUE], keys.GROUP, 1)


async def test_no_call_hangs_when_connections_break(redis_url: str) -> None:
    proxy = Proxy(urlsplit(redis_url).port or 0)
    await proxy.start()
    line = Line(RedisSettings(redis_url=f"redis://127.0.0.1:{proxy.port}/0"), lambda *_: None)
    line.open()
    answered = 0
    for number in range(600):
        if number % 2:
            proxy.drop()
        if number % 3:
            await asyncio.sleep(0)
        try:
            await asyncio.wait_for(line.run(CALL), 10)
            answered += 1
        except QueueUnavailable:
            pass
    proxy.heal()
    assert answered > 0
    await line.close()
    proxy.close()


async def test_a_stray_cancellation_does_not_end_the_line(redis_url: str) -> None:
    """asyncio.timeout of Python before 3.13 may let one out when a connection ends at the same moment."""
    line = Line(RedisSettings(redis_url=redis_url), lambda *_: None)
    line.open()
    assert await line.run(CALL) == 0
    for task in line._tasks:
        task.cancel()
        task.uncancel()
    await asyncio.sleep(0.5)
    assert await asyncio.wait_for(line.run(CALL), 5) == 0
    await asyncio.wait_for(line.close(), 5)


async def test_an_error_that_nobody_thought_of_does_not_end_the_line(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    line, send = Line(RedisSettings(redis_url=redis_url), lambda *_: None), Wire.send
    broken = [2]

    async def fails_at_first(self: Wire, commands: Sequence[Command]) -> list[Any]:
        if broken[0]:
            broken[0] -= 1
            raise AttributeError("a reader that is None")
        return await send(self, commands)

    monkeypatch.setattr(Wire, "send", fails_at_first)
    line.open()
    with pytest.raises(QueueUnavailable):
        await line.run(CALL)
    await asyncio.sleep(0.6)
    assert await asyncio.wait_for(line.run(CALL), 5) == 0
    await asyncio.wait_for(line.close(), 5)
