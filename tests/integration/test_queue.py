"""The queue over a real redis-server: acceptance, leases, takeover, the compare-and-set at the end, restarts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from shared import keys
from shared.errors import QueueFull, QueueUnavailable
from shared.jobs import Job, JobResult
from shared.queue import scripts
from shared.queue.consumer import QueueConsumer, Taken
from shared.queue.dispatcher import Dispatcher
from shared.redis import connect
from shared.settings import QueueSettings, RedisSettings
from tests.redis_server import RedisServer

pytestmark = pytest.mark.integration
STREAM = keys.queue("any", "live", "m")
BULK = keys.queue("cpu", "bulk", "m")
SETTINGS = QueueSettings(lease_ms=500, max_attempts=2, max_queue_depth=5, max_queue_bytes=10_000)


@pytest.fixture
async def dispatcher(redis_url: str) -> AsyncIterator[Dispatcher]:
    made = Dispatcher(RedisSettings(redis_url=redis_url), SETTINGS)
    await made.start()
    yield made
    await made.close()


def consumer(redis_url: str, name: str = "w1") -> QueueConsumer:
    return QueueConsumer(connect(RedisSettings(redis_url=redis_url)), SETTINGS, name)


def succeed(taken: Taken, **values: object) -> tuple[Taken, JobResult]:
    return taken, JobResult(taken.job.id, "succeeded", outputs=[{"output": dict(values)}], attempt=taken.attempt)


async def eventually_takes(worker: QueueConsumer, *, count: int = 8) -> list[Taken]:
    for _ in range(200):
        if taken := worker.take([STREAM], count):
            return taken
        await asyncio.sleep(0.01)
    raise AssertionError("no job arrived")


async def test_a_call_is_answered(dispatcher: Dispatcher, redis_url: str) -> None:
    worker = consumer(redis_url)
    call = asyncio.create_task(dispatcher.call([Job("m", [b"pixels"], params={"confidence": 0.5})]))
    (taken,) = await eventually_takes(worker)
    assert taken.job.inputs == [b"pixels"]
    assert taken.job.params == {"confidence": 0.5}
    assert taken.attempt == 1
    assert worker.finish([succeed(taken, answer=42)]) == 1
    (result,) = await call
    assert result.outputs == [{"output": {"answer": 42}}]
    assert worker.survey([STREAM])[0][1:4] == (0, 0, 0)
    assert int(connect(RedisSettings(redis_url=redis_url)).hget(keys.BYTES, "all") or 0) == 0


async def test_wait_delivers_and_respects_cancelation_of_expired(dispatcher: Dispatcher, redis_url: str) -> None:
    worker = consumer(redis_url)
    waiting = asyncio.create_task(asyncio.to_thread(worker.wait, [STREAM, BULK], 3000))
    await asyncio.sleep(0.1)
    call = asyncio.create_task(dispatcher.call([Job("m", [b"1"])]))
    (taken,) = await waiting
    worker.finish([succeed(taken)])
    assert (await call)[0].state == "succeeded"


async def test_a_lone_job_without_a_record_is_waited_for_without_a_script(
    dispatcher: Dispatcher, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = consumer(redis_url)
    monkeypatch.delattr(scripts, "ADMIT")
    call = asyncio.create_task(dispatcher.call([Job("m", [b"pixels"])]))
    (taken,) = await asyncio.to_thread(worker.wait, [STREAM, BULK], 5000)
    assert (taken.attempt, taken.job.inputs, taken.recorded) == (1, [b"pixels"], False)
    assert 0 <= taken.waited_ms < 60_000
    assert worker.finish([succeed(taken)]) == 1
    assert (await call)[0].state == "succeeded"


async def test_waiting_ends_what_is_over_and_starts_what_has_a_record(dispatcher: Dispatcher, redis_url: str) -> None:
    worker = consumer(redis_url)
    worker.ensure([STREAM])
    call = asyncio.create_task(dispatcher.call([Job("m", [b"late"], timeout_ms=50)]))
    await asyncio.sleep(0.3)
    assert worker.wait([STREAM], 10) == []
    assert (await call)[0].state == "expired"
    record = await dispatcher.submit(Job("m", [b"kept"]))
    (taken,) = worker.wait([STREAM], 1000)
    assert (await dispatcher.get(record.id)).state == "running"
    assert worker.finish([succeed(taken)]) == 1
    assert (await dispatcher.get(record.id)).state == "succeeded"


async def test_jobs_of_one_stream_come_as_a_batch_and_the_urgent_lane_first(
    dispatcher: Dispatcher, redis_url: str
) -> None:
    worker = consumer(redis_url)
    await dispatcher.submit(Job("m", [b"late"], hardware="cpu", lane="bulk"))
    for number in range(3):
        await dispatcher.submit(Job("m", [bytes([number])]))
    first = worker.take([STREAM, BULK], 8)
    assert [taken.job.inputs[0] for taken in first] == [b"\0", b"\1", b"\2"]
    assert [taken.job.inputs[0] for taken in worker.take([STREAM, BULK], 8)] == [b"late"]


async def test_the_record_tells_the_story(dispatcher: Dispatcher, redis_url: str) -> None:
    worker = consumer(redis_url)
    record = await dispatcher.submit(Job("m", [b"x"], lane="normal", metadata={"camera": 7}))
    stream = keys.queue("any", "normal", "m")
    assert (await dispatcher.get(record.id)).state == "queued"
    (taken,) = worker.take([stream], 1)
    running = await dispatcher.get(record.id)
    assert (running.state, running.attempt, running.worker, running.metadata) == ("running", 1, "w1", {"camera": 7})
    wait = asyncio.create_task(dispatcher.wait(record.id, 5))
    await asyncio.sleep(0.1)
    started = time.monotonic()
    worker.finish([succeed(taken, n=1)])
    done = await wait
    assert time.monotonic() - started < 2
    assert done.state == "succeeded"
    assert done.result is not None
    assert done.result.outputs == [{"output": {"n": 1}}]
    assert done.created_ms <= (done.started_ms or 0) <= (done.finished_ms or 0)


async def test_a_lost_worker_is_replaced_and_its_late_answer_does_not_count(
    dispatcher: Dispatcher, redis_url: str
) -> None:
    dead, heir = consumer(redis_url, "dead"), consumer(redis_url, "heir")
    record = await dispatcher.submit(Job("m", [b"x"]))
    (before,) = dead.take([STREAM], 1)
    assert heir.takeover([STREAM]) == [], "the lease has not run out"
    await asyncio.sleep(0.6)
    (after,) = heir.takeover([STREAM])
    assert after.attempt == 2
    dead.renew([before])
    assert before.lost, "renewing must not steal the job back"
    assert dead.finish([succeed(before, by="dead")]) == 0
    assert heir.finish([succeed(after, by="heir")]) == 1
    assert heir.finish([succeed(after, by="heir again")]) == 0
    done = await dispatcher.get(record.id)
    assert done.result is not None
    assert done.result.outputs == [{"output": {"by": "heir"}}]


async def test_renewal_keeps_the_job(dispatcher: Dispatcher, redis_url: str) -> None:
    owner, rival = consumer(redis_url, "owner"), consumer(redis_url, "rival")
    await dispatcher.submit(Job("m", [b"x"]))
    (taken,) = owner.take([STREAM], 1)
    for _ in range(4):
        await asyncio.sleep(0.25)
        owner.renew([taken])
        assert rival.takeover([STREAM]) == []
    assert owner.finish([succeed(taken)]) == 1, "renewals do not count as attempts"


async def test_a_job_that_kills_its_workers_is_poisoned(dispatcher: Dispatcher, redis_url: str) -> None:
    worker = consumer(redis_url)
    record = await dispatcher.submit(Job("m", [b"x"]))
    assert worker.take([STREAM], 1)[0].attempt == 1
    await asyncio.sleep(0.6)
    assert worker.takeover([STREAM])[0].attempt == 2
    await asyncio.sleep(0.6)
    assert worker.takeover([STREAM]) == []
    done = await dispatcher.get(record.id)
    assert done.state == "failed"
    assert done.result is not None
    assert done.result.error is not None
    assert done.result.error["code"] == "poisoned"
    assert connect(RedisSettings(redis_url=redis_url)).xlen(keys.DEAD) == 1


async def test_an_expired_job_is_never_given_out(dispatcher: Dispatcher, redis_url: str) -> None:
    worker = consumer(redis_url)
    call = asyncio.create_task(dispatcher.call([Job("m", [b"x"], timeout_ms=100)]))
    record = await dispatcher.submit(Job("m", [b"y"], timeout_ms=100))
    await asyncio.sleep(0.3)
    assert worker.take([STREAM], 8) == []
    (result,) = await call
    assert result.state == "expired"
    assert (await dispatcher.get(record.id)).state == "expired"


async def test_admission_refuses_by_depth_and_by_bytes(dispatcher: Dispatcher, redis_url: str) -> None:
    for _ in range(5):
        await dispatcher.submit(Job("m", [b"x"]))
    with pytest.raises(QueueFull, match="5 jobs"):
        await dispatcher.submit(Job("m", [b"x"]))
    with pytest.raises(QueueFull, match="bytes"):
        await dispatcher.submit(Job("other", [b"x" * 10_000]))
    worker = consumer(redis_url)
    worker.finish([succeed(taken) for taken in worker.take([STREAM], 8)])
    await dispatcher.submit(Job("m", [b"x"]))


async def test_a_forged_entry_fails_alone(dispatcher: Dispatcher, redis_url: str) -> None:
    client, worker = connect(RedisSettings(redis_url=redis_url)), consumer(redis_url)
    await dispatcher.submit(Job("m", [b"good"]))
    for forged in ({"nonsense": "1"}, {"job": b"\xc1", "size": "x", "expires": "soon"}, {"job": b"\x93\1\2\3"}):
        client.xadd(STREAM, forged)
    taken = worker.take([STREAM], 10)
    assert [item.job.inputs for item in taken] == [[b"good"]]
    assert client.xlen(STREAM) == 1, "forged entries are gone"


async def test_redis_away_is_a_clear_error_and_jobs_survive_its_crash(
    dispatcher: Dispatcher, redis_server: RedisServer
) -> None:
    record = await dispatcher.submit(Job("m", [b"kept"]))
    redis_server.kill()
    with pytest.raises(QueueUnavailable):
        await dispatcher.submit(Job("m", [b"lost"]))
    redis_server.start()
    worker = consumer(redis_server.url)
    (taken,) = await eventually_takes(worker)
    assert taken.job.inputs == [b"kept"]
    call = asyncio.create_task(dispatcher.wait(record.id, 10))
    worker.finish([succeed(taken)])
    assert (await call).state == "succeeded"


async def test_redis_forgetting_everything_heals(dispatcher: Dispatcher, redis_url: str) -> None:
    client, worker = connect(RedisSettings(redis_url=redis_url)), consumer(redis_url)
    await dispatcher.submit(Job("m", [b"x"]))
    (taken,) = worker.take([STREAM], 1)
    client.flushall()
    client.script_flush()
    assert worker.finish([succeed(taken)]) == 0
    worker.renew([taken])
    assert taken.lost
    assert worker.wait([STREAM], 10) == []
    await dispatcher.submit(Job("m", [b"again"]))
    assert worker.take([STREAM], 1)[0].job.inputs == [b"again"]
