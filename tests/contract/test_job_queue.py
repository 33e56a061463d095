"""The queue in memory that the API's tests use keeps the promises of the real one over Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import pytest

from api_service.backend import JobLedger, JobQueue
from shared import keys
from shared.errors import (
    IdempotencyConflict,
    IdempotencyMismatch,
    InputGone,
    InvalidRequest,
    JobFinished,
    JobNotFound,
    NotFinished,
)
from shared.jobs import Job, JobResult, Terms
from shared.queue.consumer import QueueConsumer
from shared.queue.dispatcher import Dispatcher
from shared.queue.ledger import Filter, Ledger
from shared.redis import connect
from shared.settings import QueueSettings, RedisSettings
from tests.unit.api.conftest import JPEG
from tests.unit.api.fakes import MemoryLedger, MemoryQueue

pytestmark = [pytest.mark.integration]
SETTINGS = QueueSettings()
STREAM = keys.queue("any", "normal", "m")


@dataclass
class Side:
    """One of the two. ``work`` lets a worker take and finish what waits; ``forget`` lets a record expire."""

    queue: JobQueue
    ledger: JobLedger
    work: Callable[[], None]
    forget: Callable[[str], None]


@pytest.fixture(params=["memory", "redis"])
async def side(request: pytest.FixtureRequest) -> AsyncIterator[Side]:
    if request.param == "memory":
        memory = MemoryQueue()
        memory.held = True

        def work() -> None:
            for job in memory.seen:
                if not memory.records[job.id].done:
                    memory.finish(job)

        yield Side(memory, MemoryLedger(memory), work, lambda job_id: memory.records.pop(job_id) and None)
        return
    redis = RedisSettings(redis_url=request.getfixturevalue("redis_url"))
    client = connect(redis)
    worker = QueueConsumer(client, SETTINGS, "w1")

    def run() -> None:
        outputs = [{"output": {}}]
        taken = worker.take([STREAM], 16)
        worker.finish([(one, JobResult(one.job.id, "succeeded", outputs=outputs, attempt=1)) for one in taken])

    dispatcher, ledger = Dispatcher(redis, SETTINGS), Ledger(redis, SETTINGS)
    await dispatcher.start()
    yield Side(dispatcher, ledger, run, lambda job_id: client.delete(keys.job(job_id)) and None)
    await ledger.close()
    await dispatcher.close()


def job() -> Job:
    return Job("m", [JPEG], lane="normal", metadata={"a": "b"})


async def test_a_job_from_acceptance_to_result(side: Side) -> None:
    accepted = await side.queue.submit(job())
    assert (accepted.state, accepted.images, accepted.metadata) == ("queued", 1, {"a": "b"})
    second = await side.queue.submit(job())
    assert [(await side.queue.get(record.id)).position for record in (accepted, second)] == [1, 2]
    assert (await side.queue.wait(accepted.id, 0.02)).state == "queued"
    waiting = asyncio.create_task(side.queue.wait(accepted.id, 5))
    await asyncio.sleep(0.1)
    side.work()
    done = await waiting
    assert (done.state, done.attempt, done.worker, done.position, done.images_done) == ("succeeded", 1, "w1", None, 1)
    assert done.created_ms <= (done.started_ms or 0) <= (done.finished_ms or 0)
    assert done.result is not None
    assert len(done.result.outputs) == 1
    with pytest.raises(JobNotFound):
        await side.queue.get("nothing")
    with pytest.raises(JobNotFound):
        await side.queue.wait("nothing", 1)


async def test_keys(side: Side) -> None:
    terms = Terms(idempotency_key="k", fingerprint="aa")
    assert await side.queue.find(terms) is None
    first = await side.queue.submit(job(), terms)
    assert (await side.queue.submit(job(), terms)).id == first.id
    found = await side.queue.find(terms)
    assert found is not None
    assert found.id == first.id
    with pytest.raises(IdempotencyMismatch):
        await side.queue.submit(job(), Terms(idempotency_key="k", fingerprint="bb"))
    side.forget(first.id)
    with pytest.raises(IdempotencyConflict):
        await side.queue.submit(job(), terms)


async def test_the_story(side: Side) -> None:
    record = await side.queue.submit(job())
    quiet = side.queue.follow(record.id, "", 0.05)
    first = await anext(quiet)
    assert first is not None
    assert (first.name, first.data) == ("queued", {"position": 1})
    assert await anext(quiet) is None
    side.work()
    rest = [event async for event in quiet if event is not None]
    assert [(event.name, event.data) for event in rest] == [
        ("started", {"attempt": 1, "worker": "w1"}),
        ("finished", {"state": "succeeded"}),
    ]
    assert [event async for event in side.queue.follow(record.id, rest[0].id, 1)] == rest[1:]


async def test_cancel(side: Side) -> None:
    record = await side.queue.submit(job())
    await side.ledger.cancel(record.id)
    await side.ledger.cancel(record.id)
    side.work()
    after = await side.queue.get(record.id)
    assert (after.state, after.started_ms, after.position) == ("canceled", None, None)
    assert after.result is not None
    assert after.result.error is not None
    assert after.result.error["code"] == "canceled"
    finished = await side.queue.submit(job())
    side.work()
    with pytest.raises(JobFinished):
        await side.ledger.cancel(finished.id)
    with pytest.raises(JobNotFound):
        await side.ledger.cancel("nothing")


async def test_erase_frees_the_key(side: Side) -> None:
    terms = Terms(idempotency_key="k", fingerprint="aa")
    record = await side.queue.submit(job(), terms)
    await side.ledger.erase(record.id)
    with pytest.raises(JobNotFound):
        await side.queue.get(record.id)
    with pytest.raises(JobNotFound):
        await side.ledger.erase(record.id)
    assert await side.queue.find(terms) is None


async def test_again(side: Side) -> None:
    kept = await side.queue.submit(job(), Terms(input_ttl_ms=60_000, webhook={"url": "https://example.com"}))
    dropped = await side.queue.submit(job())
    with pytest.raises(NotFinished):
        await side.ledger.again(kept.id)
    side.work()
    again, terms = await side.ledger.again(kept.id)
    assert again.id != kept.id
    assert (again.inputs, again.metadata, terms.webhook) == ([JPEG], {"a": "b"}, {"url": "https://example.com"})
    with pytest.raises(InputGone):
        await side.ledger.again(dropped.id)
    with pytest.raises(JobNotFound):
        await side.ledger.again("nothing")


async def test_the_list(side: Side) -> None:
    ids = []
    for _ in range(3):
        ids.append((await side.queue.submit(job())).id)
        await asyncio.sleep(0.002)
    first, cursor = await side.ledger.jobs(Filter(), 2)
    rest, end = await side.ledger.jobs(Filter(), 2, cursor)
    assert [record.id for record in [*first, *rest]] == ids[::-1]
    assert end == ""
    side.work()
    done, _ = await side.ledger.jobs(Filter(state="succeeded", model="m", lane="normal"), 10)
    assert {record.id for record in done} == set(ids)
    assert {record.result for record in done} == {None}
    assert (await side.ledger.jobs(Filter(state="queued"), 10))[0] == []
    with pytest.raises(InvalidRequest):
        await side.ledger.jobs(Filter(), 2, "nonsense")
