"""Workflow runs in real workers: with their models, over the queue, and when the worker is killed in the middle."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import cv2
import pytest

from shared import keys
from shared.errors import ModelNotFound, NoWorkerForHardware
from shared.jobs import Job, JobRecord
from shared.redis import connect_async
from shared.settings import QueueSettings, RedisSettings
from shared.usage.store import Asked, UsageStore, today
from shared.workflows.images import WorkflowImage
from shared.workflows.models import ModelCall
from shared.workflows.queue_models import QueueModels
from tests.integration.worker_process import ROOT, Bench

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]
SCENE = ROOT / "examples" / "images" / "scene.jpg"
IMAGE = {"type": "WorkflowImage", "name": "image"}


@pytest.fixture
async def bench(redis_url: str, tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(
        *(redis_url, ROOT / "models", tmp_path),
        preload_models="shapes-detector,shapes-classifier",
        workflow_preload="true",
        workflow_plugins="tests.integration.workflow_blocks",
        workflow_write_dir=str(tmp_path / "out"),
    )
    await made.dispatcher.start()
    yield made
    await made.close()


def job(definition: dict[str, Any], inputs: dict[str, Any], images: list[bytes], **params: Any) -> Job:
    asked = {"do": "run", "specification": definition, "inputs": inputs, **params}
    return Job(keys.WORKFLOW_QUEUE, images, kind="workflow", params=asked, timeout_ms=60_000)


def field(name: str, selector: str) -> dict[str, str]:
    return {"type": "JsonField", "name": name, "selector": selector}


FIND_AND_NAME: dict[str, Any] = {
    "version": "1.0",
    "inputs": [IMAGE],
    "steps": [
        {"type": "ObjectDetectionModel", "name": "find", "image": "$inputs.image", "model_id": "shapes-detector"},
        {"type": "Crop", "name": "crop", "image": "$inputs.image", "predictions": "$steps.find.predictions"},
        {"type": "ClassificationModel", "name": "name", "image": "$steps.crop.crops", "model_id": "shapes-classifier"},
    ],
    "outputs": [field("found", "$steps.find.predictions"), field("names", "$steps.name.predictions")],
}


async def used(bench: Bench) -> dict[str | None, tuple[str | None, int, int]]:
    client = connect_async(RedisSettings(redis_url=bench.settings["redis_url"]))
    try:
        rows = await UsageStore(client).rows(Asked(today() - timedelta(1), today(), by=("key", "model")))
    finally:
        await client.aclose()
    return {row.model: (row.key, row.jobs, row.images) for row in rows}


async def test_a_run_uses_the_models_of_its_worker_and_the_queue_gives_the_same(bench: Bench) -> None:
    await bench.ready("w1")
    data = SCENE.read_bytes()
    asked = job(FIND_AND_NAME, {"image": [{"$image": 0}, {"$image": 1}]}, [data, data])
    asked.key = "key1"
    (result,) = await bench.dispatcher.call([asked])
    result.raise_for_error()
    rows = result.outputs[0]["output"]["outputs"]
    assert [len(row["names"]) for row in rows] == [len(row["found"]["predictions"]) for row in rows]
    names = {one["top"] for one in rows[0]["names"]}
    assert names == {box["class"] for box in rows[0]["found"]["predictions"]}
    assert {"step:find_ms", "step:crop_ms", "step:name_ms", "queue_ms", "total_ms"} <= set(result.timings)
    crops = sum(len(row["names"]) for row in rows)
    assert await used(bench) == {
        keys.WORKFLOW_QUEUE: ("key1", 1, 2),
        "shapes-detector": ("key1", 0, 2),
        "shapes-classifier": ("key1", 0, crops),
    }, "counted by the run, with what its steps used"

    models = await asyncio.to_thread(QueueModels, RedisSettings(redis_url=bench.settings["redis_url"]), QueueSettings())
    try:
        image = WorkflowImage.from_pixels(cv2.imread(str(SCENE)))
        call = ModelCall("shapes-detector", [image] * 20, "object-detection", {"confidence": 0.4})
        answers = await asyncio.to_thread(models.infer, call)
        assert [len(answer["predictions"]) for answer in answers] == [len(answers[0]["predictions"])] * 20
        assert {box["class"] for box in answers[0]["predictions"]} <= names | {"circle"}
        with pytest.raises(ModelNotFound):
            await asyncio.to_thread(models.infer, ModelCall("nowhere", [image], "object-detection"))
        with pytest.raises(NoWorkerForHardware):
            await asyncio.to_thread(models.infer, ModelCall("shapes-detector", [image], "object-detection", {}, "gpu"))
    finally:
        await asyncio.to_thread(models.close)


async def test_steps_run_on_the_hardware_that_they_name(bench: Bench, tmp_path: Path) -> None:
    profile = tmp_path / "like-gpu.toml"  # what a pool of another kind is to the fleet: its tag
    text = (ROOT / "deploy" / "profiles" / "cpu.toml").read_text()
    profile.write_text(text.replace('hardware = "cpu"', 'hardware = "gpu"'))
    bench.start("c", preload_models="shapes-classifier")
    bench.start("g", preload_models="shapes-detector", profile=str(profile))
    await asyncio.gather(bench.up("c"), bench.up("g"))
    find, crop, name = FIND_AND_NAME["steps"]
    steps = [{**find, "hardware": "gpu"}, crop, {**name, "hardware": "cpu"}]
    (result,) = await bench.dispatcher.call(
        [job({**FIND_AND_NAME, "steps": steps}, {"image": {"$image": 0}}, [SCENE.read_bytes()])]
    )
    result.raise_for_error()
    (row,) = result.outputs[0]["output"]["outputs"]
    assert {one["top"] for one in row["names"]} == {box["class"] for box in row["found"]["predictions"]}
    held = {
        worker.id: {model["id"] for model in worker.held} for worker in (await bench.fleet.snapshot(fresh=True)).workers
    }
    assert held == {"c": {"shapes-classifier"}, "g": {"shapes-detector"}}


def with_sink(mark: Path, *, sink_first: bool) -> dict[str, Any]:
    wait = {"type": "test/wait@v1", "name": "wait", "seconds": 2.0, "mark": str(mark)}
    gate = {
        "type": "SwitchCase",
        "name": "gate",
        "value": "$steps.wait.output",
        "default_next_steps": ["$steps.sink"],
    }
    sink = {
        "type": "roboflow_core/local_file_sink@v1",
        "name": "sink",
        "content": "$inputs.text",
        "output_mode": "separate_files",
        "target_directory": ".",
    }
    if sink_first:
        return _definition([sink, {**wait, "value": "$steps.sink.message"}])
    return _definition([wait, gate, sink])


def _definition(steps: list[dict[str, Any]]) -> dict[str, Any]:
    text = {"type": "WorkflowParameter", "name": "text"}
    outputs = [field("error", "$steps.sink.error_status")]
    return {"version": "1.0", "inputs": [text], "steps": steps, "outputs": outputs}


async def killed_in_the_middle(bench: Bench, definition: dict[str, Any], mark: Path) -> JobRecord:
    """The record of a run whose first worker was killed once the waiting step had begun."""
    await bench.ready("w1")
    asked = job(definition, {"text": "hello"}, [])
    await bench.dispatcher.submit(asked)
    for _ in range(1_000):
        if await asyncio.to_thread(mark.exists):
            break
        await asyncio.sleep(0.02)
    bench.workers["w1"].kill()
    await bench.ready("w2")
    return await bench.dispatcher.wait(asked.id, 40)


async def test_a_run_is_not_repeated_after_its_sink_has_fired(bench: Bench, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    record = await killed_in_the_middle(bench, with_sink(mark, sink_first=True), mark)
    assert (record.state, record.attempt) == ("failed", 2)
    assert record.result is not None
    assert record.result.error is not None
    assert record.result.error["code"] == "not_repeated"
    assert len(list((tmp_path / "out").iterdir())) == 1


async def test_a_run_whose_sink_had_not_fired_is_repeated(bench: Bench, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    record = await killed_in_the_middle(bench, with_sink(mark, sink_first=False), mark)
    assert (record.state, record.attempt) == ("succeeded", 2)
    assert record.result is not None
    assert record.result.outputs[0]["output"]["outputs"] == [{"error": False}]
    assert len(list((tmp_path / "out").iterdir())) == 1


async def test_a_run_whose_time_is_over_ends_before_its_next_step(bench: Bench, tmp_path: Path) -> None:
    await bench.ready("w1")
    mark, later = tmp_path / "mark", tmp_path / "later"
    steps = [
        {"type": "test/wait@v1", "name": "a", "seconds": 5.0, "mark": str(mark)},
        {"type": "test/wait@v1", "name": "b", "value": "$steps.a.output", "mark": str(later)},
    ]
    asked = job({"version": "1.0", "inputs": [], "steps": steps, "outputs": []}, {}, [])
    asked.timeout_ms = 4_000
    (result,) = await bench.dispatcher.call([asked])
    assert result.state == "expired"
    bench.workers["w1"].signal(signal.SIGTERM)
    assert await bench.workers["w1"].ended(30) == 0, "it finishes what it has begun"
    assert await asyncio.to_thread(mark.exists)
    assert not await asyncio.to_thread(later.exists)


async def test_saved_workflows_are_one_for_all_and_their_versions_stay(redis_url: str) -> None:
    from shared.errors import NotFound
    from shared.redis import connect, connect_async
    from shared.workflows import store

    client = connect_async(RedisSettings(redis_url=redis_url))
    saved = store.WorkflowStore(client)
    assert await saved.save("mine", "Mine", {"version": "1.0"}, "me") == 1
    assert await saved.save("mine", "Mine too", {"version": "1.1"}, "me") == 2
    with pytest.raises(store.WorkflowTaken):
        await saved.save("mine", "", {}, "you")
    first, newest = await saved.get("mine", "1"), await saved.get("mine")
    assert (first.definition, newest.definition, newest.versions) == ({"version": "1.0"}, {"version": "1.1"}, (1, 2))
    found = await asyncio.to_thread(store.find, connect(RedisSettings(redis_url=redis_url)), "mine", None, "me")
    assert found == newest
    with pytest.raises(NotFound):
        await saved.get("mine", None, "you")
    with pytest.raises(NotFound):
        await saved.get("mine", "3")
    assert [one.id for one in await saved.listed("me")] == ["mine"]
    assert await saved.listed("you") == []
    await saved.delete("mine", "me")
    with pytest.raises(store.WorkflowNotFound):
        await saved.delete("mine")
    await client.aclose()
