"""Use is counted once per job, whoever ran it and however often; and told over HTTP."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest

from shared import keys
from shared.jobs import Job, JobResult, Terms
from shared.queue.consumer import QueueConsumer, Taken
from shared.queue.dispatcher import Dispatcher
from shared.redis import AsyncRedis, connect, connect_async
from shared.settings import QueueSettings, RedisSettings
from shared.usage.store import Asked, Row, UsageStore, today
from tests.integration.dial_model import picture, repository
from tests.integration.test_api_service import api
from tests.integration.worker_process import Bench

pytestmark = pytest.mark.integration
LEASE_MS = 500
FOLDED_AT = 512
"""Of shared/lua/finish.lua."""


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[AsyncRedis]:
    made = connect_async(RedisSettings(redis_url=redis_url))
    yield made
    await made.aclose()


async def account(client: AsyncRedis) -> list[Row]:
    """All rows; a test that runs over midnight has two days."""
    return await UsageStore(client).rows(Asked(today() - timedelta(1), today(), by=("key", "model")))


def worker(redis_url: str, name: str, **settings: int) -> QueueConsumer:
    queue = QueueSettings(lease_ms=LEASE_MS, **settings)
    return QueueConsumer(connect(RedisSettings(redis_url=redis_url)), queue, name)


def answered(taken: Taken) -> tuple[Taken, JobResult]:
    taken.infer_ms = 2.0
    return taken, JobResult(taken.job.id, "succeeded", outputs=[{"output": {}} for _ in taken.job.inputs])


async def test_a_job_that_two_workers_finish_is_counted_once(redis_url: str, client: AsyncRedis) -> None:
    dispatcher = Dispatcher(RedisSettings(redis_url=redis_url), QueueSettings())
    await dispatcher.start()
    await dispatcher.submit(Job("m", [b"x", b"y"], key="k1", lane="normal"), Terms())
    await dispatcher.close()
    stream = keys.queue("any", "normal", "m")
    first, second = worker(redis_url, "first"), worker(redis_url, "second")
    (lost,) = first.take([stream], 1)
    again: list[Taken] = []
    for _ in range(100):
        again = second.takeover([stream])
        if again:
            break
        await asyncio.sleep(0.05)
    assert first.finish([answered(lost)]) == 0
    assert await account(client) == []
    assert second.finish([answered(again[0])]) == 1
    assert second.finish([answered(again[0])]) == 0, "said twice"
    assert await account(client) == [Row(None, "k1", "m", 1, 0, 2, 0.002)]


async def test_many_jobs_are_added_up_by_day_and_none_is_missed(redis_url: str, client: AsyncRedis) -> None:
    dispatcher = Dispatcher(RedisSettings(redis_url=redis_url), QueueSettings())
    await dispatcher.start()
    await asyncio.gather(
        *(dispatcher.submit(Job("m", [b"x"], key=f"k{n % 3}", lane="normal"), Terms()) for n in range(FOLDED_AT + 88))
    )
    await dispatcher.close()
    one, stream, told = worker(redis_url, "one"), keys.queue("any", "normal", "m"), 0
    while batch := one.take([stream], 50):
        told += one.finish([answered(taken) for taken in batch])
        assert sum(row.jobs for row in await account(client)) == told, "told at once, whether added up or not"
    assert told == FOLDED_AT + 88
    assert {(row.key, row.jobs, row.images, row.infer_s) for row in await account(client)} == {
        (f"k{n}", 200, 200, 0.4) for n in range(3)
    }
    assert await client.llen(keys.USAGE_RECENT) == 88
    days = [name async for name in client.scan_iter("vf:usage:[0-9]*")]
    assert days
    for day in days:
        assert 399 * 86_400 < await client.ttl(day) <= 400 * 86_400
    await client.rpush(keys.USAGE_RECENT, "forged", b"\xff", "1 0 1 1 99999999999999 m k0")
    assert sum(row.jobs for row in await account(client)) == told, "lines of a forger are passed over"


async def test_nothing_is_counted_when_nothing_is_kept(redis_url: str, client: AsyncRedis) -> None:
    dispatcher = Dispatcher(RedisSettings(redis_url=redis_url), QueueSettings())
    await dispatcher.start()
    await dispatcher.submit(Job("m", [b"x"], key="k1"), Terms())
    await dispatcher.close()
    one = worker(redis_url, "one", usage_days=0)
    (taken,) = one.take([keys.queue("any", "live", "m")], 1)
    assert one.finish([answered(taken)]) == 1
    assert await account(client) == []


async def test_a_real_worker_counts_and_the_api_tells(redis_url: str, client: AsyncRedis, tmp_path: Path) -> None:
    bench = Bench(redis_url, repository(tmp_path / "models"), tmp_path)
    await bench.dispatcher.start()
    try:
        (killed,) = await bench.ready("a")
        jobs = [
            Job("dial", [picture("red")], key="key1"),
            Job("dial", [picture("red"), b"no picture"], key="=key2"),
            Job("dial", [b"no picture"], key="key1"),
        ]
        await bench.dispatcher.call(jobs)
        found = {row.key: (row.jobs, row.failed, row.images) for row in await account(client)}
        assert found == {"key1": (2, 1, 1), "=key2": (1, 0, 1)}
        (spent,) = [row.infer_s for row in await account(client) if row.key == "key1"]
        assert 0 < spent < 60
        failed = {"dial": {"invalid_image": 2}}
        told = await bench.until(lambda info: info.reasons == failed and info.speeds.get("dial", 0) > 0, "the figures")
        assert told.counters["dial"]["loads"] == 1
        async with api(redis_url) as (_, base), aiohttp.ClientSession(base) as http:
            async with http.get("/v1/usage", params={"by": "key", "key": "key1"}) as answer:
                body = await answer.json()
            assert [(row["key"], row["model"], row["jobs"]) for row in body["usage"]] == [("key1", None, 2)]
            async with http.get("/v1/usage", params={"format": "csv"}) as answer:
                assert answer.headers["Content-Disposition"].startswith("attachment")
                lines = list(csv.DictReader((await answer.text()).splitlines()))
            assert {line["key"]: line["jobs"] for line in lines} == {"key1": "2", "'=key2": "1"}
            for query in ({"by": "colour"}, {"since": "2026-11-02", "until": "2026-11-01"}, {"since": "soon"}):
                async with http.get("/v1/usage", params=query) as answer:
                    assert answer.status in {400, 422}, query
        before = await account(client)
        killed.kill()
        assert await account(client) == before, "nothing of it was in the worker only"
    finally:
        await bench.close()
