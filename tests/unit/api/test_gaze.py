"""Routes that say where faces look."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from shared.jobs import Job
from tests.unit.api.fakes import MemoryFleet, MemoryQueue, model, post

FACE = {"x": 5.0, "y": 5.0, "width": 4.0, "height": 2.0, "confidence": 0.9, "class": "face", "class_id": 0,
        "detection_id": "d", "landmarks": [{"x": 4.0, "y": 5.0, "class": "nose"}]}  # fmt: skip
LOOK = {"face": FACE, "yaw": 0.5, "pitch": -0.25}


def work(data: bytes, job: Job) -> dict[str, Any]:
    """What a worker would answer."""
    del data, job
    return {"task": "gaze-detection", "image": {"width": 9, "height": 9}, "predictions": [LOOK]}


@pytest.fixture
def queue() -> MemoryQueue:
    return MemoryQueue(work)


@pytest.fixture
def fleet() -> MemoryFleet:
    made = MemoryFleet()
    made.fleet.models["gaze/L2CS"] = model("gaze/L2CS", "gaze-detection", ["w1"])
    return made


async def test_gaze_of_the_wire_contract(client: TestClient, jpeg: dict, queue: MemoryQueue) -> None:
    (one,) = await post(client, "/gaze/gaze_detection", image=jpeg)
    assert {**one, "time": 0} == {"predictions": [LOOK], "time": 0, "time_face_det": None, "time_gaze_det": None}
    crop = {"do_run_face_detection": False, "gaze_version_id": "L2CS", "confidence": 0.5}
    assert len(await post(client, "/gaze/gaze_detection", image=[jpeg, jpeg], **crop)) == 2
    assert [job.params for job in queue.seen[:2]] == [
        {"find_faces": True},
        {"find_faces": False, "confidence": 0.5},
    ]


async def test_what_is_missing_is_told(client: TestClient, jpeg: dict) -> None:
    refusal = await post(client, "/gaze/gaze_detection", 404, image=jpeg, gaze_version_id="other")
    assert refusal["code"] == "model_not_found"
    for word in ("face.onnx", "gaze.onnx", "visionfleet models add", "gaze/other"):
        assert word in refusal["message"]


async def test_gaze_as_other_tasks_are_asked(client: TestClient, jpeg: dict, queue: MemoryQueue) -> None:
    found = await post(client, "/infer/gaze_detection", model_id="gaze/L2CS", image=jpeg, visualize_predictions=True)
    assert (found["predictions"], found["image"]) == ([LOOK], {"width": 9, "height": 9})
    assert queue.seen[0].params == {"visualize": True}
    await post(client, "/infer/gaze_detection", 422, model_id="gaze/L2CS", image=jpeg, confidence=2)
