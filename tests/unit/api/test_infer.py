"""POST /infer/<task>."""

from __future__ import annotations

import base64
import uuid
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from shared.errors import QueueFull
from tests.unit.api.conftest import JPEG
from tests.unit.api.fakes import DETECTION, MemoryFleet, MemoryQueue

URL = "/infer/object_detection"
NOT_IMAGE = {"type": "base64", "value": base64.b64encode(b"hello").decode()}


async def test_one_image_gives_one_object(client: TestClient, jpeg: dict, queue: MemoryQueue) -> None:
    answer = await client.post(URL, json={"model_id": "shapes-detector", "image": jpeg, "id": "mine"})
    body = await answer.json()
    assert answer.status == 200
    assert set(body) == {"inference_id", "time", "image", "predictions"}
    assert body["inference_id"] == "mine"
    assert body["predictions"] == [DETECTION]
    assert body["time"] > 0
    (job,) = queue.seen
    assert (job.inputs, job.model, job.task, job.lane) == ([JPEG], "shapes-detector", "object-detection", "live")


async def test_answer_carries_headers(client: TestClient, jpeg: dict) -> None:
    request_id = str(uuid.uuid4())
    answer = await client.post(
        URL, json={"model_id": "shapes-detector", "image": jpeg}, headers={"X-Request-ID": request_id}
    )
    assert answer.headers["X-Request-ID"] == request_id
    assert answer.headers["X-Model-Id"] == "shapes-detector"
    assert answer.headers["X-Model-Cold-Start"] == "false"
    assert answer.headers["X-Visionfleet-Timings"].startswith("queue=0.400;decode=1.000;preprocess=0.500;infer=3.000")
    assert float(answer.headers["X-Processing-Time"]) > 0


async def test_bad_request_id_is_replaced(client: TestClient) -> None:
    answer = await client.get("/healthz", headers={"X-Request-ID": "<script>"})
    assert uuid.UUID(answer.headers["X-Request-ID"]).version == 4


async def test_list_in_list_out(client: TestClient, jpeg: dict, queue: MemoryQueue) -> None:
    one = await client.post(URL, json={"model_id": "shapes-detector", "image": [jpeg]})
    assert len(await one.json()) == 1
    two = await (await client.post(URL, json={"model_id": "shapes-detector", "image": [jpeg, jpeg]})).json()
    assert len({entry["inference_id"] for entry in two}) == 1
    assert len({entry["time"] for entry in two}) == 1
    assert len(queue.seen) == 3


async def test_parameters_reach_the_job_under_the_engines_names(
    client: TestClient, jpeg: dict, queue: MemoryQueue
) -> None:
    wanted = {
        "confidence": 0.25,
        "iou_threshold": 0.5,
        "class_filter": ["circle"],
        "class_agnostic_nms": True,
        "visualize_predictions": True,
        "disable_preproc_auto_orient": True,
        "api_key": None,
        "never_heard_of": {"x": 1},
    }
    answer = await client.post(URL, json={"model_id": "shapes-detector", "image": jpeg, **wanted})
    assert base64.b64decode((await answer.json())["visualization"]) == b"\xff\xd8drawn"
    assert queue.seen[0].params == {
        "confidence": 0.25,
        "iou_threshold": 0.5,
        "class_filter": ["circle"],
        "class_agnostic_nms": True,
        "visualize": True,
        "visualization_labels": False,
        "visualization_stroke_width": 1,
        "auto_orient": False,
    }


@pytest.mark.parametrize("word", ["best", "default"])
async def test_named_confidence_is_the_models_own(
    client: TestClient, jpeg: dict, queue: MemoryQueue, word: str
) -> None:
    await client.post(URL, json={"model_id": "shapes-detector", "image": jpeg, "confidence": word})
    assert queue.seen[0].params == {}


async def test_alias_is_resolved(client: TestClient, jpeg: dict, queue: MemoryQueue) -> None:
    answer = await client.post(URL, json={"model_id": "shapes", "image": jpeg})
    assert answer.status == 200
    assert queue.seen[0].model == "shapes-detector"


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"model_id": "../secret"}, 400, "invalid_model_id"),
        ({"model_id": "a/../b"}, 400, "invalid_model_id"),
        ({"model_id": "a..b"}, 400, "invalid_model_id"),
        ({"model_id": ""}, 400, "invalid_model_id"),
        ({"model_id": "a/b/c"}, 400, "invalid_model_id"),
        ({"model_id": "shapes-detector\n"}, 400, "invalid_model_id"),
        ({"model_id": "nobody/1"}, 404, "model_not_found"),
        ({"model_id": "shapes-classifier"}, 400, "unsupported_task"),
        ({"model_id": "gpu-only"}, 503, "no_worker_for_hardware"),
        ({"hardware": "gpu"}, 503, "no_worker_for_hardware"),
        ({"hardware": "jetson"}, 503, "no_worker_for_hardware"),
        ({"hardware": "vf:q"}, 422, "validation_failed"),
        ({"model_id": 7}, 422, "validation_failed"),
        ({"model_id": None}, 422, "validation_failed"),
        ({"image": None}, 422, "validation_failed"),
        ({"image": 5}, 422, "validation_failed"),
        ({"image": []}, 422, "validation_failed"),
        ({"image": {"value": "x"}}, 422, "validation_failed"),
        ({"image": {"type": "base64", "value": 5}}, 422, "validation_failed"),
        ({"confidence": "abc"}, 422, "validation_failed"),
        ({"confidence": 2}, 422, "validation_failed"),
        ({"max_detections": 0}, 422, "validation_failed"),
        ({"class_filter": "circle"}, 422, "validation_failed"),
        ({"image": {"type": "base64", "value": ""}}, 400, "invalid_image"),
        ({"image": {"type": "base64"}}, 400, "invalid_image"),
        ({"image": {"type": "base64", "value": "!!!!"}}, 400, "invalid_image"),
        ({"image": {"type": "base64", "value": "abc"}}, 400, "invalid_image"),
        ({"image": {"type": "base64", "value": "bild\u00e4"}}, 400, "invalid_image"),
        ({"image": {"type": "numpy", "value": "gASV"}}, 400, "invalid_image"),
        ({"image": {"type": "file", "value": "/etc/passwd"}}, 400, "invalid_image"),
        ({"image": {"type": "hologram", "value": "x"}}, 400, "invalid_image"),
        ({"image": {"type": "url", "value": "http://127.0.0.1/x.jpg"}}, 400, "invalid_image"),
        ({"image": {"type": "url", "value": "https://127.0.0.1/x.jpg"}}, 400, "invalid_image"),
        ({"image": NOT_IMAGE}, 400, "invalid_image"),
    ],
)
async def test_what_is_wrong_is_said(
    client: TestClient, jpeg: dict, change: dict[str, Any], status: int, code: str
) -> None:
    answer = await client.post(URL, json={"model_id": "shapes-detector", "image": jpeg, **change})
    body = await answer.json()
    assert (answer.status, body["code"]) == (status, code)
    if status == 422:
        assert all(set(issue) == {"type", "loc", "msg"} for issue in body["detail"])
    else:
        assert body["message"]
    if code == "invalid_image":
        assert body["message"].startswith("Could not load input image. Cause: ")
    assert ("Retry-After" in answer.headers) == (status == 503)


@pytest.mark.parametrize("field", ["model_id", "image"])
async def test_required_fields(client: TestClient, jpeg: dict, field: str) -> None:
    wanted = {"model_id": "shapes-detector", "image": jpeg}
    del wanted[field]
    answer = await client.post(URL, json=wanted)
    assert answer.status == 422
    assert (await answer.json())["detail"][0]["loc"] == ["body", field]


async def test_unsupported_task_names_the_right_route(client: TestClient, jpeg: dict) -> None:
    answer = await client.post(URL, json={"model_id": "shapes-classifier", "image": jpeg})
    assert "/infer/classification" in (await answer.json())["message"]


@pytest.mark.parametrize("data", [b"", b"{", b"[1]", b"\xff\xfe"])
async def test_a_body_that_is_no_json_object(client: TestClient, data: bytes) -> None:
    answer = await client.post(URL, data=data, headers={"Content-Type": "application/json"})
    assert answer.status in {400, 422}
    assert (await answer.json())["code"] in {"invalid_request", "validation_failed"}


async def test_deep_json_is_refused(client: TestClient) -> None:
    answer = await client.post(URL, data=b'{"image":' + b"[" * 20_000 + b"]" * 20_000 + b"}")
    assert answer.status == 422


async def test_a_bad_image_is_named_by_its_index(client: TestClient, jpeg: dict) -> None:
    for bad in (NOT_IMAGE, {"type": "base64", "value": "%%%"}):
        answer = await client.post(URL, json={"model_id": "shapes-detector", "image": [jpeg, bad, jpeg]})
        assert answer.status == 400
        assert "image 1 of the request" in (await answer.json())["message"]


async def test_limits(client: TestClient, jpeg: dict) -> None:
    many = await client.post(URL, json={"model_id": "shapes-detector", "image": [jpeg] * 5})
    assert (many.status, (await many.json())["code"]) == (413, "too_large")
    big = {"type": "base64", "value": "A" * 70_000}
    large = await client.post(URL, json={"model_id": "shapes-detector", "image": big})
    assert (large.status, (await large.json())["code"]) == (413, "too_large")


async def test_line_breaks_and_data_prefix_are_allowed(client: TestClient, queue: MemoryQueue) -> None:
    text = base64.encodebytes(JPEG).decode()
    for value in (text, "data:image/jpeg;base64," + text, "data:image/svg+xml;base64," + text):
        answer = await client.post(
            URL, json={"model_id": "shapes-detector", "image": {"type": "BASE64", "value": value}}
        )
        assert answer.status == 200
    assert all(job.inputs == [JPEG] for job in queue.seen)


async def test_queue_full_and_queue_down(
    client: TestClient, jpeg: dict, queue: MemoryQueue, fleet: MemoryFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(jobs: object) -> list[object]:
        raise QueueFull("full")

    wanted = {"model_id": "shapes-detector", "image": jpeg}
    queue.down = True
    down = await client.post(URL, json=wanted)
    assert (down.status, (await down.json())["code"]) == (503, "queue_unavailable")
    monkeypatch.setattr(queue, "call", full)
    answer = await client.post(URL, json=wanted)
    assert (answer.status, (await answer.json())["code"], answer.headers["Retry-After"]) == (503, "queue_full", "1")


async def test_no_worker_at_all_is_temporary(client: TestClient, jpeg: dict, fleet: MemoryFleet) -> None:
    fleet.fleet.workers.clear()
    fleet.fleet.models.clear()
    answer = await client.post(URL, json={"model_id": "shapes-detector", "image": jpeg})
    assert (answer.status, (await answer.json())["code"]) == (503, "no_worker_for_hardware")


async def test_a_crash_tells_nothing(
    client: TestClient, jpeg: dict, queue: MemoryQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def crash(jobs: object) -> list[object]:
        raise RuntimeError("secret path /etc/keys")

    monkeypatch.setattr(queue, "call", crash)
    answer = await client.post(URL, json={"model_id": "shapes-detector", "image": jpeg})
    assert answer.status == 500
    assert await answer.json() == {"message": "Internal error.", "code": "internal"}
