"""Redis stopped, killed, emptied or full of rubbish under running workers: nothing accepted is lost, work goes on."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgpack
import pytest

from shared import keys
from shared.codec import encode_job
from shared.errors import QueueUnavailable
from shared.jobs import Job
from shared.redis import SyncRedis, connect
from shared.settings import RedisSettings
from tests.integration import dial_model as dial
from tests.integration.worker_process import Bench
from tests.redis_server import RedisServer

pytestmark = [pytest.mark.integration, pytest.mark.timeout(90)]
LIVE = keys.queue("any", "live", "dial")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return dial.repository(tmp_path_factory.mktemp("models"), "dial", "other")


@pytest.fixture
async def bench(redis_server: RedisServer, models: Path, tmp_path: Path) -> AsyncIterator[Bench]:
    """One worker that is ready."""
    made = Bench(redis_server.url, models, tmp_path)
    await made.dispatcher.start()
    await made.ready("w")
    yield made
    await made.close()


def redis_of(server: RedisServer) -> SyncRedis:
    return connect(RedisSettings(redis_url=server.url))


async def answer_of(bench: Bench, colour: str, model: str = "dial") -> str:
    """The answer to a synchronous call."""
    (result,) = await bench.dispatcher.call([Job(model, [dial.picture(colour)], timeout_ms=15_000)])
    result.raise_for_error()
    return dial.answer(result.outputs)


async def until_reachable(bench: Bench) -> None:
    for _ in range(100):
        if await bench.dispatcher.ping():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the dispatcher does not reach Redis")


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_a_restart_loses_nothing_that_was_accepted(bench: Bench, redis_server: RedisServer, how: str) -> None:
    wanted = {job.id: (colour, job) for colour, png in dial.pictures(30) for job in [Job("dial", [png])]}
    slow = Job("dial", [dial.picture("blue", dial.SLOW)])
    await bench.dispatcher.submit(slow)
    await bench.running(slow.id)
    called = asyncio.create_task(answer_of(bench, "green"))
    await asyncio.sleep(0.1)
    await asyncio.gather(*(bench.dispatcher.submit(job) for _, job in wanted.values()))
    getattr(redis_server, how)()
    with pytest.raises(QueueUnavailable):
        await bench.dispatcher.submit(Job("dial", [b"refused"]))
    with pytest.raises(QueueUnavailable):
        await bench.dispatcher.call([Job("dial", [b"refused"])])
    await asyncio.sleep(2)  # longer than the lease
    redis_server.start()
    await until_reachable(bench)
    records = {job_id: await bench.dispatcher.wait(job_id, 15) for job_id in [slow.id, *wanted]}
    assert {record.state for record in records.values()} == {"succeeded"}
    for job_id, (colour, _) in wanted.items():
        result = records[job_id].result
        assert result is not None
        assert dial.answer(result.outputs) == colour
    assert records[slow.id].attempt == 1, "its own worker's leases are renewed before they are looked for"
    assert await called == "green", "the caller from before the crash gets its answer"
    assert await answer_of(bench, "red") == "red", "the next job works, too"
    assert bench.workers["w"].returncode is None


async def test_workers_start_before_redis_does(redis_server: RedisServer, models: Path, tmp_path: Path) -> None:
    redis_server.stop()
    bench = Bench(redis_server.url, models, tmp_path)
    await bench.dispatcher.start()
    try:
        bench.start("early")
        await bench.saying("early", "redis.unreachable")
        redis_server.start()
        await until_reachable(bench)
        await bench.up("early")
        assert await answer_of(bench, "green") == "green"
    finally:
        await bench.close()


async def test_redis_that_lost_everything_or_one_stream_heals(bench: Bench, redis_server: RedisServer) -> None:
    client = redis_of(redis_server)
    assert await answer_of(bench, "red") == "red"
    client.delete(LIVE)
    assert await answer_of(bench, "green") == "green"
    client.flushall()
    client.script_flush()
    await bench.up("w")
    assert await answer_of(bench, "blue") == "blue"


async def test_a_frozen_redis_only_delays(bench: Bench, redis_server: RedisServer) -> None:
    import os

    os.kill(redis_server.pid, signal.SIGSTOP)
    called = asyncio.create_task(answer_of(bench, "red"))
    await asyncio.sleep(3)
    os.kill(redis_server.pid, signal.SIGCONT)
    assert await called == "red"


FORGED: list[dict[str, Any]] = [
    {"nonsense": "1"},
    {"job": b"\xc1", "size": "x", "expires": "soon", "reply": "nobody", "record": "1", "id": "\xff"},
    {"job": msgpack.packb([1, 2, 3])},
    {"job": msgpack.packb({"id": 1, "model": 2})},
    {"job": msgpack.packb({"id": "x", "model": "dial", "inputs": [1]})},
    {"job": encode_job(Job("../../etc/passwd", [b"x"]))},
    {"job": encode_job(Job("unknown", [b"x"]))},
    {"job": encode_job(Job("dial", [b"no picture"], kind="explode", lane="?", hardware="?"))},  # type: ignore[arg-type]
    {"job": encode_job(Job("dial", [dial.picture("red")], params={"confidence": {"a": [1]}, "visualize": "?"}))},
    {"job": encode_job(Job("dial", [dial.picture("red")], task="x", timeout_ms=-1))},
    {"job": encode_job(Job("dial", [b""] * 50)), "size": "-99999999"},
    {"job": encode_job(Job("dial", [dial.picture("red")])), "id": "a:b", "record": "1", "ttl": "never"},
    {"job": b"", "size": "1e300", "expires": "-1"},
]


async def test_forged_entries_do_not_hurt_a_worker(bench: Bench, redis_server: RedisServer) -> None:
    client = redis_of(redis_server)
    assert await answer_of(bench, "red") == "red"
    client.sadd(keys.QUEUES, "rubbish", b"\xff\xfe", "vf:q:cpu", "vf:q:a:b:../../c")
    client.hset(keys.REMOVED, "someone", "1")
    for entry in FORGED:
        client.xadd(LIVE, entry)
    (replies,) = client.scan_iter("vf:reply:*")
    for reply in ({"x": "y"}, {"id": b"\xff", "state": b"\xff"}, {"id": "unknown", "state": "done", "body": b"\xc1"}):
        client.xadd(replies, reply)
    for colour in dial.COLOURS:
        assert await answer_of(bench, colour) == colour
    for _ in range(100):
        if not client.xlen(LIVE):
            break
        await asyncio.sleep(0.05)
    assert client.xlen(LIVE) == 0, "forged entries have left the queue"
    assert await answer_of(bench, "green", model="other") == "green", "a model is still adopted"
    assert {queue.model for queue in (await bench.fleet.snapshot(fresh=True)).queues} >= {"dial", "other"}
    assert bench.workers["w"].returncode is None
    assert not bench.workers["w"].said("worker.stalled")


async def test_jobs_run_while_celery_cannot_reach_its_broker(
    redis_server: RedisServer, models: Path, tmp_path: Path
) -> None:
    program = (
        "from worker_service.celery_app import app;"
        "app.conf.broker_url = 'redis://127.0.0.1:1/0';"
        "from worker_service.serve import serve; serve()"
    )
    bench = Bench(redis_server.url, models, tmp_path)
    await bench.dispatcher.start()
    try:
        worker = bench.start("w", ("-c", program))
        await bench.up("w")
        for colour in dial.COLOURS:
            assert await answer_of(bench, colour) == colour
        await bench.saying("w", "Cannot connect to")
        worker.signal(signal.SIGTERM)
        assert await worker.ended(20) == 0
    finally:
        await bench.close()
