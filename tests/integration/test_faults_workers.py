"""Workers that are killed, stopped, drained or hung in the middle of work: every accepted job still ends, once."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from shared import keys
from shared.fleet.report import WORKER_TTL_MS
from shared.jobs import Job, JobRecord, JobResult
from shared.redis import SyncRedis, connect
from shared.settings import QueueSettings, RedisSettings
from tests.integration import dial_model as dial
from tests.integration.worker_process import Bench

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
DEFAULT_LEASE_MS = str(QueueSettings().lease_ms)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return dial.repository(tmp_path / "models", "dial", "other")


@pytest.fixture
async def bench(redis_url: str, models: Path, tmp_path: Path) -> AsyncIterator[Bench]:
    """Its lease is short, so that most tests need not wait for the default one."""
    made = Bench(redis_url, models, tmp_path)
    await made.dispatcher.start()
    yield made
    await made.close()


def redis_of(bench: Bench) -> SyncRedis:
    return connect(RedisSettings(redis_url=bench.settings["redis_url"]))


def jobs(count: int, brightness: int = dial.INSTANT, **fields: Any) -> dict[str, tuple[str, Job]]:
    """Jobs by id, each with the answer that it must get."""
    made = [(colour, Job("dial", [png], **fields)) for colour, png in dial.pictures(count, brightness)]
    return {job.id: (colour, job) for colour, job in made}


async def submit(bench: Bench, wanted: dict[str, tuple[str, Job]]) -> None:
    await asyncio.gather(*(bench.dispatcher.submit(job) for _, job in wanted.values()))


async def over(bench: Bench, ids: Any, seconds: float = 60) -> dict[str, JobRecord]:
    """The records once all have ended; those still open after ``seconds`` fail the test.

    That is for any load of the machine: that a lost worker's jobs go on within 15 s is what bench/chaos measures.
    """
    records = await asyncio.gather(*(bench.dispatcher.wait(job_id, seconds) for job_id in ids))
    assert [record for record in records if not record.done] == []
    return {record.id: record for record in records}


def answers(results: dict[str, JobResult]) -> dict[str, str]:
    return {job_id: dial.answer(result.outputs) for job_id, result in results.items()}


def results_of(records: dict[str, JobRecord]) -> dict[str, JobResult]:
    return {job_id: record.result for job_id, record in records.items() if record.result is not None}


def assert_nothing_left(bench: Bench) -> None:
    """Every job left its queue, and left it once: the byte counter would be off otherwise."""
    client: Any = redis_of(bench)
    assert {stream: client.xlen(stream) for stream in client.smembers(keys.QUEUES) if client.xlen(stream)} == {}
    assert int(client.hget(keys.BYTES, "all") or 0) == 0


async def test_kill_9_in_the_middle_of_a_batch_with_the_default_lease(bench: Bench) -> None:
    bench.settings["lease_ms"] = DEFAULT_LEASE_MS
    (first,) = await bench.ready("first")
    slow, behind = jobs(4, dial.SLOW), jobs(60)
    await submit(bench, slow)
    calls = [job for _, job in jobs(12).values()]
    called = asyncio.create_task(bench.dispatcher.call(calls))
    await bench.running(next(iter(slow)))
    await submit(bench, behind)
    first.kill()
    bench.start("second")
    wanted = {**slow, **behind}
    records = await over(bench, wanted)
    replies = await called
    assert answers(results_of(records)) == {job_id: colour for job_id, (colour, _) in wanted.items()}
    assert [reply.state for reply in replies] == ["succeeded"] * 12
    assert [dial.answer(reply.outputs) for reply in replies] == [colour for colour, _ in dial.pictures(12)]
    assert 2 in {records[job_id].attempt for job_id in slow}
    assert_nothing_left(bench)


async def test_an_orphaned_model_is_adopted(bench: Bench) -> None:
    """Nobody alive holds the dead worker's model, and its heartbeat still says that it does."""
    bench.settings |= {"lease_ms": DEFAULT_LEASE_MS, "preload_models": ""}
    first = bench.start("first", preload_models="dial")
    bench.start("second")
    await asyncio.gather(bench.up("first"), bench.up("second"))
    wanted = jobs(2, dial.SLOW)
    await submit(bench, wanted)
    await bench.running(next(iter(wanted)))
    first.kill()
    records = await over(bench, wanted)
    assert answers(results_of(records)) == {job_id: colour for job_id, (colour, _) in wanted.items()}
    assert {record.worker for record in records.values()} == {"second"}


async def test_a_stopped_worker_loses_its_jobs_and_its_late_answers_do_not_count(bench: Bench) -> None:
    (first,) = await bench.ready("first")
    wanted = jobs(1, dial.LONG)
    (job_id,) = wanted
    called = asyncio.create_task(bench.dispatcher.call([Job("dial", [dial.picture("blue", dial.LONG)])]))
    await submit(bench, wanted)
    await bench.running(job_id)
    first.signal(signal.SIGSTOP)
    await bench.ready("second")
    await bench.running(job_id, attempt=2)
    first.signal(signal.SIGCONT)  # it is ahead: its answer comes while the second still runs the job
    records = await over(bench, wanted)
    assert [(result.worker, result.attempt) for result in results_of(records).values()] == [("second", 2)]
    assert [(dial.answer(result.outputs), result.worker) for result in await called] == [("blue", "second")]
    await bench.saying("first", "results.superseded")
    assert {job_id: await bench.dispatcher.get(job_id)} == records
    assert_nothing_left(bench)
    fresh = jobs(1)
    await submit(bench, fresh)
    await over(bench, fresh)


async def test_sigterm_drains_and_loses_nothing(bench: Bench) -> None:
    (first,) = await bench.ready("first")
    slow, behind = jobs(1, dial.LONG), jobs(40)  # longer than the worker's watchdog sleeps
    await submit(bench, slow)
    await bench.running(next(iter(slow)))
    await submit(bench, behind)
    first.signal(signal.SIGTERM)
    assert await first.ended(60) == 0
    assert all(worker.id != "first" for worker in (await bench.fleet.snapshot(fresh=True)).workers), "it signed off"
    taken = await asyncio.gather(*(bench.dispatcher.get(job_id) for job_id in slow))
    assert {(record.state, record.attempt) for record in taken} == {("succeeded", 1)}, "what runs is finished"
    await bench.ready("second")
    records = await over(bench, behind)
    assert {(record.state, record.attempt) for record in records.values()} == {("succeeded", 1)}, (
        "the rest was not taken"
    )
    assert_nothing_left(bench)


async def test_sigterm_as_soon_as_it_is_ready_drains_as_well(bench: Bench) -> None:
    """Celery is imported after the first job was taken."""
    slow = jobs(1, dial.SLOW)
    await submit(bench, slow)
    worker = bench.start("first")
    await bench.running(next(iter(slow)))
    worker.signal(signal.SIGTERM)
    assert await worker.ended(60) == 0
    assert worker.said("worker.stopped")
    records = await over(bench, slow)
    assert {(record.state, record.attempt) for record in records.values()} == {("succeeded", 1)}
    assert (await bench.fleet.snapshot(fresh=True)).workers == [], "it signed off"


async def test_a_job_whose_worker_is_killed_each_time_is_poisoned(bench: Bench) -> None:
    ((job_id, (_, job)),) = jobs(1, dial.WHITE).items()
    await bench.dispatcher.submit(job)
    for attempt in (1, 2, 3):
        worker = bench.start(f"victim-{attempt}")
        await bench.running(job_id, attempt=attempt)
        worker.kill()
    await bench.ready("last")
    (record,) = (await over(bench, [job_id])).values()
    assert (record.state, record.attempt) == ("failed", 3)
    assert record.result is not None
    assert record.result.error is not None
    assert record.result.error["code"] == "poisoned"
    letters: Any = redis_of(bench).xrange(keys.DEAD)
    assert [(fields[b"id"].decode(), fields[b"attempts"]) for _, fields in letters] == [(job_id, b"3")]
    assert_nothing_left(bench)


async def test_a_picture_that_hangs_the_model_is_the_only_one_that_fails(bench: Bench) -> None:
    """Each worker that runs it exits when the stall timeout has passed, and a new one starts, as under a supervisor."""
    bench.settings["stall_timeout_s"] = "1"
    white, good = jobs(1, dial.WHITE), jobs(6)
    await submit(bench, {**white, **good})
    open_ids = {*white, *good}
    deaths: Counter[int] = Counter()
    deadline = time.monotonic() + 240
    for number in range(10):
        worker = bench.start(f"w{number}")
        while worker.returncode is None and open_ids:
            assert time.monotonic() < deadline
            records = await asyncio.gather(*(bench.dispatcher.get(job_id) for job_id in open_ids))
            open_ids -= {record.id for record in records if record.done}
            await asyncio.sleep(0.1)
        if not open_ids:
            break
        deaths[worker.returncode or 0] += 1
    assert deaths == {70: 3}, "once for each attempt"
    records = await over(bench, [*white, *good])
    bad = records[next(iter(white))].result
    assert bad is not None
    assert bad.error is not None
    assert bad.error["code"] == "poisoned"
    assert answers(results_of({job_id: records[job_id] for job_id in good})) == {
        job_id: colour for job_id, (colour, _) in good.items()
    }


async def test_a_model_whose_loading_kills_workers_is_left_alone(bench: Bench, models: Path) -> None:
    """Its warm-up picture hangs the graph, so each worker is caught loading; nobody has taken the job by then."""
    manifest = json.loads((models / "other" / "model.json").read_text())
    manifest["input"]["pad"] = dial.WHITE
    (models / "other" / "model.json").write_text(json.dumps(manifest))
    bench.settings["preload_models"] = ""
    called = asyncio.create_task(bench.dispatcher.call([Job("other", [dial.picture("red")], timeout_ms=60_000)]))
    for number in range(3):
        name = f"victim-{number}"
        worker = bench.start(name)
        await bench.up(name)
        await bench.saying(name, "model.adopted")
        worker.kill()
    await asyncio.sleep(WORKER_TTL_MS / 1000)  # until their heartbeats are cold
    await bench.ready("last")
    (result,) = await called
    assert (result.error or {}).get("code") == "model_load_failed"
    assert "lost" in (result.error or {})["message"]
    assert not bench.workers["last"].said("model.adopted")
    fresh = jobs(1)
    await submit(bench, fresh)
    await over(bench, fresh)
