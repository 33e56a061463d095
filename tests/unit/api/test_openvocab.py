"""Routes of YOLO-World, GroundingDINO and OWLv2."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from shared.jobs import Job
from tests.unit.api.fakes import MemoryFleet, MemoryQueue, model, post

TASK = "open-vocabulary-detection"
MODELS = {
    "yolo_world/l": TASK,
    "yolo_world/baked": "object-detection",
    "grounding_dino/default": TASK,
    "owlv2/owlv2-large-patch14-ensemble": TASK,
}
ROW = {
    "x": 1.0,
    "y": 1.0,
    "width": 2.0,
    "height": 2.0,
    "confidence": 0.9,
    "class": "a",
    "class_id": 0,
    "detection_id": "d",
}


def work(data: bytes, job: Job) -> dict[str, Any]:
    """What a worker would answer."""
    del data
    return {"task": job.task, "image": {"width": 20, "height": 10}, "predictions": [ROW]}


@pytest.fixture
def queue() -> MemoryQueue:
    return MemoryQueue(work)


@pytest.fixture
def fleet() -> MemoryFleet:
    made = MemoryFleet()
    made.fleet.models.update({name: model(name, task, ["w1"]) for name, task in MODELS.items()})
    made.fleet.models["yolo_world/baked"].labels[:] = ["a dog", "a cat"]
    return made


async def test_yolo_world(client: TestClient, jpeg: dict, queue: MemoryQueue) -> None:
    found = await post(client, "/yolo_world/infer", image=jpeg, text=["a dog", "a cat"])
    assert (found["image"], found["predictions"]) == ({"width": 20, "height": 10}, [ROW])
    assert "visualization" not in found
    many = await post(client, "/yolo_world/infer", image=[jpeg, jpeg], text=["a dog"], confidence=0.1)
    assert len(many) == 2
    first, second, _ = queue.seen
    assert (first.model, first.params["texts"], first.params["confidence"]) == ("yolo_world/l", ["a dog", "a cat"], 0.4)
    assert second.params["confidence"] == 0.1
    await post(client, "/yolo_world/infer", 422, image=jpeg)
    await post(client, "/yolo_world/infer", 422, image=jpeg, text=[])


async def test_a_baked_vocabulary_is_chosen_from(client: TestClient, jpeg: dict, queue: MemoryQueue) -> None:
    await post(client, "/yolo_world/infer", image=jpeg, text=["a cat"], yolo_world_version_id="baked")
    (job,) = queue.seen
    assert (job.params["class_filter"], "texts" in job.params) == (["a cat"], False)
    refused = await post(client, "/yolo_world/infer", 400, image=jpeg, text=["a fox"], yolo_world_version_id="baked")
    assert "a fox" in str(refused)


async def test_grounding_dino(client: TestClient, jpeg: dict, queue: MemoryQueue) -> None:
    found = await post(
        client, "/grounding_dino/infer", image=jpeg, text=["a dog"], box_threshold=0.3, text_threshold=0.2
    )
    assert (found["visualization"], found["frame_id"], found["predictions"]) == (None, None, [ROW])
    (job,) = queue.seen
    assert (job.model, job.params["confidence"], job.params["text_threshold"]) == ("grounding_dino/default", 0.3, 0.2)


async def test_owlv2(client: TestClient, jpeg: dict, queue: MemoryQueue) -> None:
    boxes = [
        {"x": 5, "y": 5, "w": 4, "h": 4, "cls": "bolt"},
        {"x": 1, "y": 1, "w": 1, "h": 1, "cls": "nut", "negative": True},
    ]
    await post(client, "/owlv2/infer", image=jpeg, training_data=[{"image": jpeg, "boxes": boxes}])
    await post(client, "/owlv2/infer", image=jpeg, text=["a bolt"])
    few, words = queue.seen
    (example,) = few.params["training"]
    assert isinstance(example["image"], bytes)
    assert [(box["name"], box["negative"]) for box in example["boxes"]] == [("bolt", False), ("nut", True)]
    assert (few.params["confidence"], words.params["confidence"], words.params["texts"]) == (0.99, 0.1, ["a bolt"])
    await post(client, "/owlv2/infer", 400, image=jpeg)
