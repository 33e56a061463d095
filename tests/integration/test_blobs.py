"""Large images and results outside Redis, in a folder: stored, read, retried, erased, pruned."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from shared import keys
from shared.blobs import HOUR_MS, BlobStore
from shared.codec import decode_job, encode_job
from shared.errors import BlobsUnavailable, IdempotencyMismatch, InputGone
from shared.jobs import Job, JobResult, Terms
from shared.queue.consumer import QueueConsumer, Taken
from shared.queue.dispatcher import Dispatcher
from shared.queue.ledger import Ledger
from shared.redis import connect
from shared.settings import QueueSettings, RedisSettings

pytestmark = pytest.mark.integration
STREAM = keys.queue("any", "normal", "m")
LARGE, SMALL = b"\xff" * 5_000, b"small"


@pytest.fixture
def settings(tmp_path: Path) -> QueueSettings:
    return QueueSettings(blob_url=str(tmp_path / "blobs"), blob_bytes=1_000, lease_ms=500, max_attempts=1)


@pytest.fixture
async def queue(redis_url: str, settings: QueueSettings) -> AsyncIterator[Dispatcher]:
    made = Dispatcher(RedisSettings(redis_url=redis_url), settings)
    await made.start()
    yield made
    await made.close()


@pytest.fixture
async def ledger(redis_url: str, settings: QueueSettings) -> AsyncIterator[Ledger]:
    made = Ledger(RedisSettings(redis_url=redis_url), settings)
    yield made
    await made.close()


@pytest.fixture
def worker(redis_url: str, settings: QueueSettings) -> QueueConsumer:
    return QueueConsumer(connect(RedisSettings(redis_url=redis_url)), settings, "w1")


def job(**values: object) -> Job:
    return Job("m", [SMALL, LARGE], lane="normal", **values)  # type: ignore[arg-type]


def done(taken: Taken) -> tuple[Taken, JobResult]:
    outputs = [{"output": {"mask": LARGE}}]
    return taken, JobResult(taken.job.id, "succeeded", outputs=outputs, attempt=taken.attempt)


def files(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "blobs").rglob("*") if path.is_file())


async def test_a_large_image_and_result_stay_out_of_redis(
    queue: Dispatcher, ledger: Ledger, worker: QueueConsumer, redis_url: str, tmp_path: Path
) -> None:
    record = await queue.submit(job())
    assert files(tmp_path) == ["input-1"]
    client = connect(RedisSettings(redis_url=redis_url))
    assert client.memory_usage(STREAM) < len(LARGE)
    (taken,) = worker.take([STREAM], 1)
    assert [taken.image(index) for index in range(2)] == [SMALL, LARGE]
    assert worker.finish([done(taken)]) == 1
    assert files(tmp_path) == ["input-1", "result-1"]
    assert (client.memory_usage(keys.job(record.id)) or 0) < len(LARGE)
    after = await queue.get(record.id)
    assert after.result is not None
    assert after.result.outputs == [{"output": {"mask": LARGE}}]
    await ledger.erase(record.id)
    assert files(tmp_path) == []


async def test_small_things_and_synchronous_jobs_touch_no_file(queue: Dispatcher, tmp_path: Path) -> None:
    await queue.submit(Job("m", [SMALL]))
    await queue.call([Job("m", [LARGE], timeout_ms=10)])
    assert files(tmp_path) == []


async def test_a_refused_or_repeated_submission_leaves_no_file(queue: Dispatcher, tmp_path: Path) -> None:
    terms = Terms(idempotency_key="k", fingerprint="aa")
    first = await queue.submit(job(), terms)
    assert (await queue.submit(job(), terms)).id == first.id
    with pytest.raises(IdempotencyMismatch):
        await queue.submit(job(), replace(terms, fingerprint="bb"))
    assert files(tmp_path) == ["input-1"]


async def test_a_retry_has_files_of_its_own(
    queue: Dispatcher, ledger: Ledger, worker: QueueConsumer, tmp_path: Path
) -> None:
    record = await queue.submit(job(), Terms(input_ttl_ms=60_000))
    await ledger.cancel(record.id)
    again, terms = await ledger.again(record.id)
    assert again.inputs == [SMALL, LARGE]
    await queue.submit(again, terms)
    await ledger.erase(record.id)
    (taken,) = worker.take([STREAM], 1)
    assert taken.image(1) == LARGE
    assert files(tmp_path) == ["input-1"]


async def test_what_is_gone_is_said(queue: Dispatcher, worker: QueueConsumer, tmp_path: Path, redis_url: str) -> None:
    await queue.submit(job())
    (taken,) = worker.take([STREAM], 1)
    for path in (tmp_path / "blobs").rglob("input-1"):
        path.unlink()
    with pytest.raises(InputGone):
        taken.image(1)
    taken.blobs = None
    with pytest.raises(InputGone, match="VISIONFLEET_BLOB_URL"):
        taken.image(1)


@pytest.mark.parametrize("folder", ["", "../../etc", "1/../..", "/etc", "1/a/b"])
def test_a_forged_folder_leads_nowhere(tmp_path: Path, folder: str) -> None:
    store = BlobStore(str(tmp_path), 10)
    forged = decode_job(encode_job(Job("m", [b""], folder=folder, outside=[0])))
    with pytest.raises(InputGone):
        store.input(forged, 0)
    with pytest.raises(InputGone):
        store.completed(JobResult("x", "succeeded", extra={"blob": f"{folder}/passwd"}))
    with pytest.raises(InputGone):
        store.drop(folder)


def test_old_hours_are_pruned(tmp_path: Path) -> None:
    store, now = BlobStore(str(tmp_path / "blobs"), 10), 500_000 * HOUR_MS
    assert store.prune(now) == 0
    soon = store.store_inputs(Job("m", [LARGE]), now + HOUR_MS)
    late = store.store_inputs(Job("m", [LARGE]), now + 50 * HOUR_MS)
    (tmp_path / "blobs" / "not ours").mkdir()
    assert store.prune(now) == 0
    assert store.prune(now + 5 * HOUR_MS) == 1
    with pytest.raises(InputGone):
        store.input(soon, 0)
    assert store.input(late, 0) == LARGE
    assert (tmp_path / "blobs" / "not ours").is_dir()


async def test_a_process_with_a_wrong_clock_drops_nothing(
    queue: Dispatcher, settings: QueueSettings, redis_url: str, worker: QueueConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = await queue.submit(Job("m", [LARGE], lane="normal"))
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 7 * 86_400)
    wrong = Dispatcher(RedisSettings(redis_url=redis_url), settings)
    await wrong.start()
    later = await wrong.submit(Job("m", [LARGE], lane="normal"))
    await asyncio.sleep(0.5)  # the first thing that a process does is to prune
    await wrong.close()
    found = worker.take([STREAM], 2)
    assert [taken.job.id for taken in found] == [record.id, later.id]
    for taken in found:
        assert BlobStore(settings.blob_url, settings.blob_bytes).input(taken.job, 0) == LARGE
        hours = int(taken.job.folder.partition("/")[0]) - int(now * 1000) // HOUR_MS
        assert hours < 30, "kept for the job's own time"


def test_a_store_that_fails_is_a_typed_error(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_text("a file where a folder should be")
    store = BlobStore(str(tmp_path / "blobs"), 10)
    with pytest.raises(BlobsUnavailable):
        store.store_inputs(Job("m", [LARGE]), 0)


async def test_a_result_goes_to_redis_when_the_store_fails(
    queue: Dispatcher, worker: QueueConsumer, tmp_path: Path
) -> None:
    record = await queue.submit(Job("m", [SMALL], lane="normal"))
    (tmp_path / "blobs").write_text("in the way")
    worker.finish([done(taken) for taken in worker.take([STREAM], 1)])
    after = await queue.get(record.id)
    assert after.result is not None
    assert after.result.outputs == [{"output": {"mask": LARGE}}]
