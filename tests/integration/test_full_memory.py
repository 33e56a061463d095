"""A Redis at its maxmemory with noeviction: new jobs are refused, running ones finish, and then it goes on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

import pytest

from shared import keys
from shared.errors import QueueFull
from shared.jobs import Job, JobRecord, JobResult, Terms
from shared.queue.consumer import QueueConsumer, Taken
from shared.queue.dispatcher import Dispatcher
from shared.queue.ledger import Ledger
from shared.redis import RedisError, SyncRedis, connect
from shared.settings import QueueSettings, RedisSettings

pytestmark = pytest.mark.integration
STREAM = keys.queue("any", "normal", "m")
IMAGE = b"\xff" * 300_000
ROOM = 8_000_000


@pytest.fixture
def client(redis_url: str) -> Iterator[SyncRedis]:
    client = connect(RedisSettings(redis_url=redis_url))
    before = client.config_get("maxmemory")["maxmemory"]
    client.config_set("maxmemory", int(client.info("memory")["used_memory"]) + ROOM)
    yield client
    client.config_set("maxmemory", before)


@pytest.fixture
def worker(client: SyncRedis) -> QueueConsumer:
    return QueueConsumer(client, QueueSettings(lease_ms=500), "w1")


@pytest.fixture
async def ledger(redis_url: str, client: SyncRedis) -> AsyncIterator[Ledger]:
    assert client.ping()
    made = Ledger(RedisSettings(redis_url=redis_url), QueueSettings())
    yield made
    await made.close()


async def dispatcher(redis_url: str, fraction: float) -> Dispatcher:
    made = Dispatcher(RedisSettings(redis_url=redis_url), QueueSettings(max_memory_fraction=fraction))
    await made.start()
    return made


def job() -> Job:
    return Job("m", [IMAGE], lane="normal")


def done(taken: Taken) -> tuple[Taken, JobResult]:
    output = {"output": {"mask": b"\1" * 20_000}}
    return taken, JobResult(taken.job.id, "succeeded", outputs=[output], attempt=taken.attempt)


async def fill(queue: Dispatcher, client: SyncRedis) -> list[JobRecord]:
    """Submit until refused, then use up what is left with small keys."""
    accepted: list[JobRecord] = []
    with contextlib.suppress(QueueFull):
        while len(accepted) < 100:
            accepted.append(await queue.submit(job(), Terms(webhook={"url": "https://example.com"})))
    assert 10 < len(accepted) < 100
    with contextlib.suppress(RedisError):
        for number in range(100_000):
            client.set(f"filler:{number}", b"x" * 1000)
    lower(client)
    with pytest.raises(RedisError, match="maxmemory"):
        client.set("filler:last", b"x")
    return accepted


async def once_there_is_room(queue: Dispatcher) -> JobRecord:
    """Submit; the queue looks at Redis's memory each second and may still think that it is full."""
    for _ in range(100):
        with contextlib.suppress(QueueFull):
            return await queue.submit(job())
        await asyncio.sleep(0.1)
    raise AssertionError("still full after ten seconds")


def lower(client: SyncRedis) -> None:
    """Put the limit well under what is in use; buffers do not count."""
    client.config_set("maxmemory", int(client.info("memory")["used_memory"]) - 1_500_000)


@pytest.mark.parametrize("taking", ["take", "wait"])
async def test_full_to_the_brim(
    redis_url: str, client: SyncRedis, worker: QueueConsumer, ledger: Ledger, taking: str
) -> None:
    queue = await dispatcher(redis_url, 1.0)
    try:
        first = await queue.submit(job())
        (running,) = worker.take([STREAM], 1)
        accepted = await fill(queue, client)
        with pytest.raises(QueueFull):
            await queue.submit(job())
        with pytest.raises(QueueFull):
            await queue.call([Job("m", [IMAGE])])
        assert (await queue.get(first.id)).state == "running"
        assert (await queue.wait(accepted[0].id, 0.05)).state == "queued"
        worker.renew([running])
        assert not running.lost
        await ledger.cancel(accepted[0].id)
        await ledger.erase(accepted[1].id)
        lower(client)
        with pytest.raises(QueueFull):
            await queue.submit(Job("m", [b"small"], lane="normal"))
        assert worker.finish([done(running)]) == 1
        taken = worker.take([STREAM], 1) if taking == "take" else worker.wait([STREAM], 100)
        assert [item.job.id for item in taken] == [accepted[2].id]
        lower(client)
        assert worker.finish([done(item) for item in taken]) == 1
        while rest := worker.take([STREAM], 4):
            worker.finish([done(item) for item in rest])
        states = [(await queue.get(record.id)).state for record in [first, *accepted[2:]]]
        assert set(states) == {"succeeded"}
        assert client.xlen(keys.WEBHOOK_OUTBOX) == len(accepted) - 1, "one for each but the erased"
        client.delete("filler:last", *client.keys("filler:*"))  # there may be none: the last job filled it
        client.config_set("maxmemory", int(client.info("memory")["used_memory"]) + ROOM)
        assert (await once_there_is_room(queue)).state == "queued"
        assert len(worker.take([STREAM], 1)) == 1
    finally:
        await queue.close()


async def test_admission_ends_before_memory_does(redis_url: str, client: SyncRedis, worker: QueueConsumer) -> None:
    limit = int(client.config_get("maxmemory")["maxmemory"])
    queue = await dispatcher(redis_url, (limit - ROOM / 2) / limit)
    try:
        with contextlib.suppress(QueueFull):
            for _ in range(100):
                await queue.submit(job())
                await asyncio.sleep(0.15)
        with pytest.raises(QueueFull, match="nearly full"):
            await queue.submit(job())
        client.set("heartbeat", b"x" * 100_000)  # who already is here can still write
        while taken := worker.take([STREAM], 8):
            worker.finish([done(item) for item in taken])
        await asyncio.sleep(1.5)
        assert (await queue.submit(job())).state == "queued", "it takes jobs again by itself"
    finally:
        await queue.close()
