"""Workflows on streams: state per source, models in workers, errors told before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shared.errors import VisionfleetError
from shared.streams.spec import PipelineSpec
from tests.cameras import film
from tests.cameras.camera import Camera
from tests.integration.streams.system import System

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

DETECT = {
    "type": "roboflow_core/roboflow_object_detection_model@v2",
    "name": "detect",
    "images": "$inputs.image",
    "model_id": "shapes-detector",
    "confidence": 0.4,
}


def workflow(*steps: dict[str, Any], output: str) -> dict[str, Any]:
    return {
        "version": "1.0",
        "inputs": [{"type": "WorkflowImage", "name": "image"}],
        "steps": list(steps),
        "outputs": [{"type": "JsonField", "name": "found", "selector": output}],
    }


@pytest.fixture(scope="module")
def video(processes: System) -> Path:
    """A file, because it loses no frame however slow the machine is, and trackers lose what jumps."""
    return film.write(processes.folder / "tracked.mp4", pictures=60)


async def test_a_tracker_remembers_from_frame_to_frame(system: System, video: Path) -> None:
    track = {
        "type": "roboflow_core/byte_tracker@v3",
        "name": "track",
        "image": "$inputs.image",
        "detections": "$steps.detect.predictions",
    }
    definition = workflow(DETECT, track, output="$steps.track.tracked_detections")
    stream = await system.create(str(video), model=False, workflow={"specification": definition})
    ids: dict[str, set[int]] = {}
    for _ in range(12):
        result = await system.consumed(stream, seconds=100)  # the blocks cost 4 s of CPU to load
        if result["output"]["found"]["predictions"]:  # without any, nobody knows the size
            assert result["output"]["found"]["image"] == {"width": result["width"], "height": result["height"]}
        for row in result["output"]["found"]["predictions"]:
            ids.setdefault(row["class"], set()).add(row["tracker_id"])
    assert set(ids) == {"circle", "square", "triangle"}
    assert all(len(numbers) == 1 for numbers in ids.values())  # each shape kept its number


async def test_a_model_is_tracked_on_request(system: System, video: Path) -> None:
    spec = {"sources": [{"reference": str(video)}], "model": {"model_id": "shapes-detector", "tracking": True}}
    stream = await system.store.create(PipelineSpec.model_validate(spec))
    results = [await system.consumed(stream) for _ in range(6)]
    rows = [row for one in results[1:] for row in one["output"]["predictions"] if row["confidence"] > 0.6]
    assert len({(row["class"], row["tracker_id"]) for row in rows}) == len({row["class"] for row in rows}) == 3


async def test_a_workflow_that_does_not_compile_is_refused(system: System, camera: Camera) -> None:
    broken = workflow({"type": "no/such_block@v1", "name": "x"}, output="$steps.x.y")
    spec = {"sources": [{"reference": camera.url}], "workflow": {"specification": broken}}
    with pytest.raises(VisionfleetError, match="no/such_block"):
        await system.store.probe(PipelineSpec.model_validate(spec))


async def test_a_failing_model_stops_nothing(system: System, camera: Camera) -> None:
    """The source goes on, each frame says why there is no result, and a change mends it."""
    missing = {"sources": [{"reference": camera.url}], "model": {"model_id": "no-such-model"}}
    stream = await system.store.create(PipelineSpec.model_validate(missing))
    await system.until_source(stream, lambda one: one["counts"].get("model_failed", 0) > 3, "failures")
    assert (await system.source(stream))["state"] == "running"
    now = await system.store.get(stream)
    now.spec.model.model_id = "shapes-detector"  # type: ignore[union-attr] # it has one
    await system.store.update(stream, now.spec, now.version)
    await system.flowing(stream)


async def test_a_failing_sink_stops_nothing(system: System, camera: Camera) -> None:
    nowhere = {"type": "mqtt", "host": "127.0.0.1", "port": 9, "topic": "x"}
    stream = await system.create(camera.url, sinks=[nowhere, {"type": "buffer"}])
    await system.flowing(stream, 10)
    sinks = {one["type"]: one for one in (await system.store.get(stream)).status["sinks"]}
    assert sinks["buffer"]["counts"]["written"] > 0
    assert sinks["mqtt"]["error"] is not None


async def test_sources_come_and_go_while_it_runs(system: System, camera: Camera) -> None:
    stream = await system.create(camera.url)
    await system.flowing(stream)
    now = await system.store.get(stream)
    two = [{"reference": camera.url, "id": "0", "read_timeout_s": 1.0}, {"reference": camera.path("cam/5"), "id": "b"}]
    version = await system.store.update(stream, now.spec.model_copy(update={"sources": specs(two)}), now.version)
    await system.flowing(stream, name="b")
    before = await system.source(stream)
    await system.store.update(stream, now.spec.model_copy(update={"sources": specs(two[:1])}), version)
    await system.until_stream(stream, lambda one: set(one.status["sources"]) == {"0"}, "one source")
    await system.flowing(stream)
    after = await system.source(stream)
    assert after["sessions"] == before["sessions"] == 1  # the other was not disturbed
    assert after["done"] > before["done"]


def specs(sources: list[dict[str, Any]]) -> Any:
    return PipelineSpec.model_validate({"sources": sources}).sources
