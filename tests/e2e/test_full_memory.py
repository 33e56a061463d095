"""The whole system on a Redis with little memory: 503 for new jobs, an end for the accepted ones, and on it goes."""

from __future__ import annotations

import asyncio
import io
from collections import Counter
from collections.abc import AsyncIterator, Iterator

import aiohttp
import msgpack
import psutil
import pytest
import redis

from tests.launcher import ROOT, Launched

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
SCENE = (ROOT / "examples" / "images" / "scene.jpg").read_bytes()
JOB = msgpack.packb({"model": "shapes-detector", "image": [SCENE] * 10})
ROOM = 15_000_000


@pytest.fixture
def small_redis(system: Launched) -> Iterator[redis.Redis]:
    url = psutil.Process(system.pid_of("api_service")).environ()["VISIONFLEET_REDIS_URL"]
    with redis.Redis.from_url(url) as client:
        before = client.config_get("maxmemory")["maxmemory"]
        client.config_set("maxmemory", int(client.info("memory")["used_memory"]) + ROOM)
        yield client
        client.config_set("maxmemory", before)


@pytest.fixture
async def session(base_url: str) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(base_url, timeout=aiohttp.ClientTimeout(60)) as session:
        yield session


async def submit(session: aiohttp.ClientSession) -> tuple[int, str]:
    """The status, and the job's id or the problem's code."""
    headers = {"Content-Type": "application/msgpack"}
    async with session.post("/v1/jobs", data=io.BytesIO(JOB), headers=headers) as answer:
        body = await answer.json(content_type=None)
        if answer.status == 503:
            assert answer.headers["Retry-After"] == "1"
            assert body["retryable"] is True
        return answer.status, body["id"] if answer.status == 202 else body["code"]


async def state(session: aiohttp.ClientSession, job_id: str) -> str:
    async with session.get(f"/v1/jobs/{job_id}?wait=60") as answer:
        return str((await answer.json())["state"])


async def test_a_flood_is_refused_and_nothing_accepted_is_lost(
    session: aiohttp.ClientSession, small_redis: redis.Redis
) -> None:
    answers = await asyncio.gather(*(submit(session) for _ in range(60)))
    statuses = Counter(status for status, _ in answers)
    assert set(statuses) == {202, 503}, statuses
    assert {code for status, code in answers if status == 503} == {"queue_full"}
    accepted = [job_id for status, job_id in answers if status == 202]
    assert Counter(await asyncio.gather(*(state(session, job_id) for job_id in accepted))) == {
        "succeeded": len(accepted)
    }
    assert int(small_redis.hget("vf:bytes", "all") or 0) == 0
    for _ in range(50):
        status, job_id = await submit(session)
        if status == 202:
            break
        await asyncio.sleep(0.2)
    assert await state(session, job_id) == "succeeded"
