"""The route of models that write about images."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from shared.jobs import Job
from tests.unit.api.fakes import MemoryFleet, MemoryQueue, model, post


def work(data: bytes, job: Job) -> dict[str, Any]:
    """What a worker would answer."""
    del data
    said: Any = (
        {"<OD>": {"bboxes": [[1, 2, 3, 4]], "labels": ["cat"]}} if "<OD>" in job.params.get("prompt", "") else "x"
    )
    size = {"width": 9, "height": 9}
    return {"task": "lmm", "image": size, "response": said, "tokens": 3, "finish_reason": "stop"}


@pytest.fixture
def queue() -> MemoryQueue:
    return MemoryQueue(work)


@pytest.fixture
def fleet() -> MemoryFleet:
    made = MemoryFleet()
    made.fleet.models["florence-2-base"] = model("florence-2-base", "lmm", ["w1"])
    return made


async def test_a_prompt(client: TestClient, jpeg: dict, queue: MemoryQueue) -> None:
    asked = {"model_id": "florence-2-base", "prompt": "<OD>", "max_new_tokens": 9, "stop": ["."], "id": "mine"}
    found = await post(client, "/infer/lmm", image=jpeg, **asked)
    assert {**found, "time": 0} == {
        "inference_id": "mine",
        "time": 0,
        "image": {"width": 9, "height": 9},
        "response": {"<OD>": {"bboxes": [[1, 2, 3, 4]], "labels": ["cat"]}},
        "tokens": 3,
        "finish_reason": "stop",
    }
    many = await post(client, "/infer/lmm/florence-2-base", image=[jpeg, jpeg])
    assert [each["response"] for each in many] == ["x", "x"]
    assert queue.seen[0].params == {"prompt": "<OD>", "max_new_tokens": 9, "stop": ["."]}


async def test_what_is_wrong(client: TestClient, jpeg: dict) -> None:
    await post(client, "/infer/lmm", 400, image=jpeg, model_id="shapes-detector")
    await post(client, "/infer/lmm", 422, image=jpeg, model_id="florence-2-base", temperature=-1)
    await post(client, "/infer/lmm/florence-2-base", 400, image=jpeg, model_id="other")
    await post(client, "/infer/lmm", 400, image=jpeg)
