"""What several workers settle between them: who loads which model, who lets it go."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from shared import keys
from shared.jobs import Job, JobRecord
from shared.redis import connect
from shared.settings import RedisSettings
from tests.integration import dial_model as dial
from tests.integration.worker_process import Bench

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return dial.repository(tmp_path / "models", "dial", "other")


@pytest.fixture
async def bench(redis_url: str, models: Path, tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(redis_url, models, tmp_path)
    await made.dispatcher.start()
    yield made
    await made.close()


async def call(bench: Bench, model: str = "dial", **fields: Any) -> dict[str, Any]:
    """Answer, worker and state of a synchronous job."""
    (result,) = await bench.dispatcher.call([Job(model, [dial.picture("green")], timeout_ms=15_000, **fields)])
    result.raise_for_error()
    return {"answer": dial.answer(result.outputs), "worker": result.worker, "attempt": result.attempt}


async def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def holders(bench: Bench, model: str) -> list[str]:
    return (await bench.fleet.snapshot(fresh=True)).models[model].loaded_on


async def test_removal_unloads_on_every_worker_and_a_job_loads_on_one(bench: Bench) -> None:
    bench.settings["preload_models"] = "dial,other"
    await bench.ready("a", "b")
    await asyncio.gather(bench.holding("a", "dial"), bench.holding("b", "dial"))
    await bench.fleet.deactivate("dial")
    for name in ("a", "b"):
        await bench.until(lambda worker, name=name: worker.id == name and len(worker.held) == 1, "unloaded")  # type: ignore[misc]
    assert "dial" not in (await bench.fleet.snapshot(fresh=True)).active
    assert await holders(bench, "other") == ["a", "b"], "the other model stays"
    first = await call(bench)
    assert (first["answer"], first["attempt"]) == ("green", 1)
    await bench.holding(first["worker"], "dial")
    assert await holders(bench, "dial") == [first["worker"]], "one of them is enough"
    assert (await call(bench))["worker"] == first["worker"]


async def test_a_second_worker_adopts_a_model_whose_jobs_wait_too_long(bench: Bench) -> None:
    """The one that holds it is busy for good, with as many jobs as it takes ahead."""
    bench.settings |= {"preload_models": "", "prefetch": "1", "max_batch": "1", "runs": "1", "lease_ms": "8000"}
    bench.start("busy", preload_models="dial")
    bench.start("idle")
    await asyncio.gather(bench.up("busy"), bench.up("idle"))
    blocker = Job("dial", [dial.picture("red", dial.WHITE)])
    await bench.dispatcher.submit(blocker)
    assert (await bench.running(blocker.id)).worker == "busy"
    jobs = [Job("dial", [dial.picture("red")]) for _ in range(12)]
    await asyncio.gather(*map(bench.dispatcher.submit, jobs))
    await bench.holding("idle", "dial")
    records: list[JobRecord] = []
    deadline = time.monotonic() + 60
    while not records or any(not record.done and record.worker != "busy" for record in records):
        assert time.monotonic() < deadline, records
        records = await asyncio.gather(*(bench.dispatcher.get(job.id) for job in jobs))
        await asyncio.sleep(0.05)
    done = [record for record in records if record.done]
    assert len(done) == 11, "one is prepared ahead"
    assert {(record.state, record.worker) for record in done} == {("succeeded", "idle")}
    assert min((record.started_ms or 0) - record.created_ms for record in done) > 2000, "after adopt_after_ms"


async def test_a_short_queue_is_left_to_who_holds_the_model(bench: Bench) -> None:
    bench.settings["preload_models"] = ""
    bench.start("holder", preload_models="dial")
    bench.start("idle")
    await asyncio.gather(bench.up("holder"), bench.up("idle"))
    for _ in range(20):
        assert (await call(bench))["worker"] == "holder"
        await asyncio.sleep(0.05)
    assert await holders(bench, "dial") == ["holder"]


async def test_a_model_that_cannot_be_loaded_fails_its_jobs_with_the_reason(bench: Bench, models: Path) -> None:
    (models / "other" / "weights.onnx").write_bytes(b"no longer what the manifest says")
    await bench.ready("a")
    started = time.monotonic()
    results = await bench.dispatcher.call([Job("other", [dial.picture("red")]) for _ in range(3)])
    assert [(result.error or {}).get("code") for result in results] == ["model_load_failed"] * 3
    assert time.monotonic() - started < 5
    assert (await call(bench))["answer"] == "green"


async def test_a_model_added_while_the_worker_runs_is_served(bench: Bench, models: Path) -> None:
    await bench.ready("a")
    dial.repository(models, "late")
    deadline = time.monotonic() + 10
    while "late" not in (await bench.fleet.snapshot(fresh=True)).models:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)
    assert (await call(bench, "late"))["answer"] == "green"


async def test_tagged_jobs_run_only_where_the_tag_is(bench: Bench) -> None:
    await bench.ready("a")
    assert (await call(bench, hardware="cpu"))["answer"] == "green"
    record = await bench.dispatcher.submit(Job("dial", [dial.picture("red")], hardware="gpu", timeout_ms=1500))
    await asyncio.sleep(0.7)
    assert (await bench.dispatcher.get(record.id)).state == "queued"
    assert not (await bench.fleet.snapshot(fresh=True)).serves("gpu")


MOMENT = 125
"""Brightness of a picture that takes some 30 ms: longer than fetching the next."""


async def test_live_jobs_overtake_bulk_and_bulk_is_not_starved(bench: Bench) -> None:
    bench.settings |= {"prefetch": "4", "max_batch": "1"}
    await bench.ready("a")
    blocker = Job("dial", [dial.picture("red", dial.SLOW)])
    await bench.dispatcher.submit(blocker)
    await bench.running(blocker.id)
    bulk = [Job("dial", [dial.picture("blue", MOMENT)], lane="bulk") for _ in range(40)]
    await asyncio.gather(*map(bench.dispatcher.submit, bulk))
    live = [Job("dial", [dial.picture("green", MOMENT)], lane="live") for _ in range(80)]
    await asyncio.gather(*map(bench.dispatcher.submit, live))
    live_done = [(await bench.dispatcher.wait(job.id, 20)).finished_ms or 0 for job in live]
    bulk_done = [(await bench.dispatcher.wait(job.id, 20)).finished_ms or 0 for job in bulk]
    overtaken = sum(done < max(live_done) for done in bulk_done)
    assert 2 <= overtaken <= 20, "about one in eight while live jobs wait"


async def test_a_load_job_answers_when_the_model_is_there(bench: Bench) -> None:
    await bench.ready("a")
    (result,) = await bench.dispatcher.call([Job("other", kind="load", timeout_ms=15_000)])
    assert result.state == "succeeded"
    await bench.holding("a", "other")
    client: Any = connect(RedisSettings(redis_url=bench.settings["redis_url"]))
    await until(lambda: bool(client.hexists(keys.ACTIVE, "other")))
