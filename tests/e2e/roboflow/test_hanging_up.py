"""Clients that hang up while their requests wait: nobody works for them any more."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from tests.e2e.http_images import reference
from tests.integration import dial_model as dial

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]
MANY = 60


async def waiting(session: aiohttp.ClientSession) -> int:
    queues = (await (await session.get("/v1/queues")).json())["queues"]
    return sum(queue["waiting"] for queue in queues if queue["model"] == "dial")


async def finished(session: aiohttp.ClientSession) -> int:
    """Jobs that the workers have ended since their start."""
    workers = (await (await session.get("/v1/fleet")).json())["workers"]
    return sum(worker["jobs"] for worker in workers)


async def until(session: aiohttp.ClientSession, low: int, high: int) -> None:
    for _ in range(500):
        if low <= await waiting(session) <= high:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(await waiting(session))


async def test_jobs_of_clients_that_left_do_not_run(server: str) -> None:
    def ask(brightness: int) -> asyncio.Task[Any]:
        image = reference(dial.picture("red", brightness))
        return asyncio.ensure_future(session.post("/infer/classification", json={"model_id": "dial", "image": image}))

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(server, connector=connector) as session:
        assert (await session.post("/model/add", json={"model_id": "dial"})).status == 200
        before = await finished(session)
        slow = ask(dial.LONG)
        await asyncio.sleep(0.5)
        many = [ask(dial.SLOW) for _ in range(MANY)]
        await until(session, MANY // 3, MANY)
        for one in many:
            one.cancel()
        await asyncio.wait(many)
        await until(session, 0, 0)
        assert (await slow).status == 200
        await asyncio.sleep(2.5)  # a heartbeat, so that the counts are those of now
        assert await finished(session) - before < MANY - 10, "what no worker had taken was taken back"
