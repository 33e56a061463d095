"""A caller that leaves takes its jobs back, as long as no worker has them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from shared import keys
from shared.jobs import Job, JobResult
from shared.queue.consumer import QueueConsumer
from shared.queue.dispatcher import Dispatcher
from shared.redis import Call, connect
from shared.settings import QueueSettings, RedisSettings

pytestmark = pytest.mark.integration
STREAM = keys.queue("any", "live", "m")
SETTINGS = QueueSettings(lease_ms=500)


@pytest.fixture
async def dispatcher(redis_url: str) -> AsyncIterator[Dispatcher]:
    made = Dispatcher(RedisSettings(redis_url=redis_url), SETTINGS)
    await made.start()
    yield made
    await made.close()


@pytest.fixture
def worker(redis_url: str) -> QueueConsumer:
    return QueueConsumer(connect(RedisSettings(redis_url=redis_url)), SETTINGS, "w1")


async def until_waiting(worker: QueueConsumer, count: int) -> None:
    for _ in range(500):
        if worker.survey([STREAM])[0].waiting == count:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(worker.survey([STREAM]))


async def test_jobs_that_wait_are_taken_back(dispatcher: Dispatcher, worker: QueueConsumer, redis_url: str) -> None:
    stays = asyncio.create_task(dispatcher.call([Job("m", [b"stays"])]))
    await until_waiting(worker, 1)
    leaves = asyncio.create_task(dispatcher.call([Job("m", [b"leaves"]), Job("m", [b"leaves too"])]))
    await until_waiting(worker, 3)
    leaves.cancel()
    await until_waiting(worker, 1)
    (taken,) = worker.take([STREAM], 8)
    assert taken.job.inputs == [b"stays"]
    worker.finish([(taken, JobResult(taken.job.id, "succeeded"))])
    assert (await stays)[0].state == "succeeded"
    with pytest.raises(asyncio.CancelledError):
        await leaves
    assert int(connect(RedisSettings(redis_url=redis_url)).hget(keys.BYTES, "all") or 0) == 0


async def test_a_job_that_a_worker_has_is_left_to_it(dispatcher: Dispatcher, worker: QueueConsumer) -> None:
    call = asyncio.create_task(dispatcher.call([Job("m", [b"1"])]))
    await until_waiting(worker, 1)
    (taken,) = worker.take([STREAM], 8)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await dispatcher.call([Job("m", [b"later"], timeout_ms=1)])  # goes the same way, so the withdrawal was before it
    assert worker.finish([(taken, JobResult(taken.job.id, "succeeded"))]) == 1


async def test_a_caller_that_leaves_before_it_is_told_takes_its_job_back(
    dispatcher: Dispatcher, worker: QueueConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job is in the queue, and the news of that is still on its way when the caller is canceled."""
    post, held = dispatcher._line.post, asyncio.Event()

    def late(call: Call) -> asyncio.Future[object]:
        async def told() -> object:
            answer = await post(call)
            await held.wait()
            return answer

        return asyncio.ensure_future(told())

    monkeypatch.setattr(dispatcher._line, "post", late)
    leaves = asyncio.create_task(dispatcher.call([Job("m", [b"leaves"])]))
    await until_waiting(worker, 1)
    leaves.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaves
    held.set()
    await until_waiting(worker, 0)
