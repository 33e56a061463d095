"""The worker's side of the queue where several workers meet, over a real redis-server."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared import keys
from shared.jobs import Job, JobResult
from shared.queue.consumer import QueueConsumer, Taken
from shared.queue.dispatcher import Dispatcher
from shared.redis import connect
from shared.settings import QueueSettings, RedisSettings

pytestmark = pytest.mark.integration
STREAM = keys.queue("any", "live", "m")
SETTINGS = QueueSettings(lease_ms=500, max_attempts=3)
LEASE_S = SETTINGS.lease_ms / 1000 + 0.1


@pytest.fixture
async def dispatcher(redis_url: str) -> AsyncIterator[Dispatcher]:
    made = Dispatcher(RedisSettings(redis_url=redis_url), SETTINGS)
    await made.start()
    yield made
    await made.close()


def consumer(redis_url: str, name: str) -> QueueConsumer:
    return QueueConsumer(connect(RedisSettings(redis_url=redis_url)), SETTINGS, name)


def done(taken: Taken) -> tuple[Taken, JobResult]:
    return taken, JobResult(taken.job.id, "succeeded", outputs=[{"output": {}}], attempt=taken.attempt)


async def lose(dispatcher: Dispatcher, redis_url: str, count: int) -> None:
    """Submit jobs that one worker took and lost."""
    for _ in range(count):
        await dispatcher.submit(Job("m", [b"x"]))
    assert len(consumer(redis_url, "lost").take([STREAM], count)) == count
    await asyncio.sleep(LEASE_S)


async def test_jobs_of_a_lost_worker_are_shared_and_taken_once(dispatcher: Dispatcher, redis_url: str) -> None:
    await lose(dispatcher, redis_url, 40)
    heirs = [consumer(redis_url, f"heir-{n}") for n in range(3)]
    shares = [heir.takeover([STREAM]) for heir in heirs]
    assert [len(share) for share in shares] == [16, 16, 8]
    assert len({taken.entry for share in shares for taken in share}) == 40
    assert sum(heir.finish([done(t) for t in share]) for heir, share in zip(heirs, shares, strict=True)) == 40


async def test_last_attempts_are_taken_one_at_a_time_and_hold_up_nobody(dispatcher: Dispatcher, redis_url: str) -> None:
    await lose(dispatcher, redis_url, 20)
    second = consumer(redis_url, "second")
    assert {taken.attempt for taken in second.takeover([STREAM], count=20)} == {2}
    await dispatcher.submit(Job("m", [b"fresh"]))
    consumer(redis_url, "third").take([STREAM], 1)
    await asyncio.sleep(LEASE_S)
    heir = consumer(redis_url, "heir")
    (last, fresh) = heir.takeover([STREAM], count=16)
    assert (last.attempt, fresh.attempt) == (3, 2), "one on its last attempt, and those behind it in the list"
    assert heir.on_last_chance(last)
    assert not heir.on_last_chance(fresh)
    assert heir.takeover([STREAM], last_chances=0) == []
    heir.finish([done(last)])
    assert [taken.attempt for taken in heir.takeover([STREAM])] == [3]


FIELDS = ("id", "job", "size", "expires", "reply", "record", "ttl", "start", "lane", "nonsense")
VALUES = (
    "",
    "0",
    "1",
    "-1",
    "9" * 30,
    "1e300",
    "-1e300",
    "nan",
    "inf",
    "0x10",
    "vf:dead",
    "vf:bytes",
    "%d",
    "\xff",
    "x" * 999,
)


async def test_random_rubbish_breaks_nothing(dispatcher: Dispatcher, redis_url: str) -> None:
    """Every script meets it: take, takeover, poisoning and the survey; then good jobs still run."""
    client, dice = connect(RedisSettings(redis_url=redis_url)), random.Random(7)
    first, second = consumer(redis_url, "first"), consumer(redis_url, "second")
    await dispatcher.submit(Job("m", [b"good"]))
    good = client.xrange(STREAM)[0][1]
    for _ in range(300):
        names = dice.sample(FIELDS, dice.randint(1, len(FIELDS)))
        forged = {name: dice.choice(VALUES) for name in names}
        client.xadd(STREAM, dice.choice([forged, {**good, **forged}]))
    taken = [job for _ in range(10) for job in first.take([STREAM], 100)]
    await asyncio.sleep(LEASE_S)
    for _ in range(3):
        for _ in range(30):
            second.takeover([STREAM], last_chances=100)
        await asyncio.sleep(LEASE_S)
    assert taken, "some were good but for a field"
    assert client.xlen(STREAM) == 0
    (backlog,) = second.survey([STREAM])
    assert backlog[1:] == (0, 0, 0, 0, 0)
    held = client.hget(keys.BYTES, "all")
    assert abs(int(held or 0)) < 2**53, "a number that every script can read"
    record = await dispatcher.submit(Job("m", [b"after"]))
    (after,) = second.take([STREAM], 1)
    assert second.finish([done(after)]) == 1
    assert (await dispatcher.get(record.id)).state == "succeeded"


async def test_the_names_of_gone_workers_are_forgotten(dispatcher: Dispatcher, redis_url: str) -> None:
    client: Any = connect(RedisSettings(redis_url=redis_url))
    gone, holder = consumer(redis_url, "gone"), consumer(redis_url, "holder")
    for worker in (gone, holder):
        await dispatcher.submit(Job("m", [b"x"]))
        (taken,) = worker.take([STREAM], 1)
        if worker is gone:
            gone.finish([done(taken)])
    await asyncio.sleep(0.3)
    assert holder.tidy(60_000) == 0, "not idle for so long"
    assert holder.tidy(200) == 1
    assert {row["name"] for row in client.xinfo_consumers(STREAM, keys.GROUP)} == {b"holder"}
    assert client.xpending(STREAM, keys.GROUP)["pending"] == 1, "what a lost worker holds is kept for takeover"
    client.sadd(keys.QUEUES, "vf:q:any:live:deleted")
    assert holder.tidy(200) == 0
    await dispatcher.submit(Job("m", [b"x"]))
    assert gone.finish([done(taken) for taken in gone.take([STREAM], 1)]) == 1, "one that comes back is made anew"
