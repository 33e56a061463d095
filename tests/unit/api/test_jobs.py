"""POST /v1/jobs and GET /v1/jobs/{id}."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest
from aiohttp import FormData
from aiohttp.test_utils import TestClient

from tests.unit.api.conftest import JPEG
from tests.unit.api.fakes import DETECTION, MemoryFleet, MemoryQueue

NOT_IMAGE = {"type": "base64", "value": base64.b64encode(b"hello").decode()}


async def test_accepted_then_fetched(client: TestClient, jpeg: dict, queue: MemoryQueue) -> None:
    queue.held = True
    wanted = {"model": "shapes-detector", "image": jpeg, "metadata": {"mine": "1"}, "params": {"confidence": 0.3}}
    answer = await client.post("/v1/jobs", json=wanted)
    body = await answer.json()
    assert (answer.status, body["state"]) == (202, "queued")
    assert answer.headers["Location"] == f"/v1/jobs/{body['id']}"
    assert answer.headers["Retry-After"] == "1"
    assert (queue.seen[0].lane, queue.seen[0].params) == ("normal", {"confidence": 0.3})
    queue.finish(queue.seen[0])
    done = await (await client.get(answer.headers["Location"])).json()
    assert done["state"] == "succeeded"
    assert done["metadata"] == {"mine": "1"}
    assert done["outputs"][0]["output"]["predictions"] == [DETECTION]
    assert done["model"] == {"id": "shapes-detector", "digest": "d1"}
    assert done["created"] == "2023-11-14T22:13:20.000+00:00"
    assert done["timings"]["infer_ms"] == 3.0


@pytest.mark.parametrize(
    ("header", "status", "applied"),
    [
        ("wait=5", 200, "wait=1"),
        ("respond-async, wait=5", 200, "respond-async, wait=1"),
        ('WAIT="5"', 200, "wait=1"),
        ("respond-async;wait=1;wait=0", 200, "respond-async, wait=1"),
        ("respond-async", 202, "respond-async"),
        ("handling=lenient", 202, None),
        ("wait=-1", 202, None),
    ],
)
async def test_preferences(client: TestClient, jpeg: dict, header: str, status: int, applied: str | None) -> None:
    answer = await client.post("/v1/jobs", json={"model": "shapes-detector", "image": jpeg}, headers={"Prefer": header})
    assert (answer.status, answer.headers.get("Preference-Applied")) == (status, applied)
    assert answer.headers["Vary"] == "Prefer"
    assert (await answer.json())["state"] == ("succeeded" if status == 200 else "queued")


async def test_wait_is_capped_and_may_end_without_result(client: TestClient, jpeg: dict, queue: MemoryQueue) -> None:
    queue.held = True
    answer = await client.post(
        "/v1/jobs", json={"model": "shapes-detector", "image": jpeg}, headers={"Prefer": "wait=999"}
    )
    assert answer.status == 202
    location = answer.headers["Location"]
    waited = await client.get(location, params={"wait": "9999"})
    assert (await waited.json())["state"] == "queued"
    assert waited.headers["Retry-After"] == "1"
    waiting = asyncio.create_task(client.get(location, params={"wait": "10"}))
    await asyncio.sleep(0.02)
    queue.finish(queue.seen[0])
    assert (await (await waiting).json())["state"] == "succeeded"


async def test_one_bad_image_fails_alone(client: TestClient, jpeg: dict) -> None:
    answer = await client.post(
        "/v1/jobs",
        json={"model": "shapes-detector", "image": [jpeg, NOT_IMAGE, jpeg]},
        headers={"Prefer": "wait=1"},
    )
    outputs = (await answer.json())["outputs"]
    assert [list(entry) for entry in outputs] == [["output"], ["error"], ["output"]]
    assert outputs[1]["error"]["code"] == "invalid_image"


async def test_multipart(client: TestClient, queue: MemoryQueue) -> None:
    form = FormData()
    form.add_field("job", json.dumps({"model": "shapes-detector", "priority": "bulk"}), content_type="application/json")
    form.add_field("image", JPEG, filename="a.jpg", content_type="image/jpeg")
    form.add_field("image", JPEG + b"2", filename="b.jpg", content_type="image/jpeg")
    answer = await client.post("/v1/jobs", data=form)
    assert answer.status == 202
    assert queue.seen[0].inputs == [JPEG, JPEG + b"2"]
    assert queue.seen[0].lane == "bulk"


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"model": "a/../b"}, 400, "invalid_model_id"),
        ({"model": "nobody"}, 404, "model_not_found"),
        ({"model": "gpu-only"}, 503, "no_worker_for_hardware"),
        ({"hardware": "gpu"}, 503, "no_worker_for_hardware"),
        ({"hardware": "jetson", "allow_pending": True}, 503, "no_worker_for_hardware"),
        ({"image": None}, 400, "invalid_request"),
        ({"image": []}, 422, "validation_failed"),
        ({"priority": "urgent"}, 422, "validation_failed"),
        ({"timeout": -1}, 422, "validation_failed"),
        ({"params": []}, 422, "validation_failed"),
        ({"image": {"type": "base64", "value": "%"}}, 400, "invalid_image"),
    ],
)
async def test_problems(client: TestClient, jpeg: dict, change: dict[str, Any], status: int, code: str) -> None:
    answer = await client.post("/v1/jobs", json={"model": "shapes-detector", "image": jpeg, **change})
    body = await answer.json(content_type="application/problem+json")
    assert (answer.status, body["code"], body["status"]) == (status, code, status)
    assert {"type", "title", "detail", "retryable", "request_id"} <= set(body)
    assert body["retryable"] == (status == 503)
    assert ("errors" in body) == (status == 422)


async def test_allow_pending_waits_for_a_worker(
    client: TestClient, jpeg: dict, queue: MemoryQueue, fleet: MemoryFleet
) -> None:
    queue.held = True
    wanted = {"model": "gpu-only", "image": jpeg, "allow_pending": True}
    assert (await client.post("/v1/jobs", json=wanted)).status == 202
    assert queue.seen[0].hardware == "gpu"
    fleet.fleet.workers.clear()
    fleet.fleet.models.clear()
    assert (await client.post("/v1/jobs", json=wanted)).status == 202


@pytest.mark.parametrize("job_id", ["nothing", "a:watchers", "..", "x" * 65])
async def test_unknown_job(client: TestClient, job_id: str) -> None:
    answer = await client.get(f"/v1/jobs/{job_id}")
    assert answer.status == 404
    assert (await answer.json(content_type="application/problem+json"))["code"] in {"job_not_found", "not_found"}


async def test_a_form_of_too_many_parts(client: TestClient) -> None:
    form = FormData({f"p{number}": "x" for number in range(60)}, default_to_multipart=True)
    response = await client.post("/v1/jobs", data=form)
    assert (response.status, (await response.json())["code"]) == (413, "too_large")


@pytest.mark.parametrize("parts", [{}, {"job": "{}"}, {"job": '{"model": "shapes-detector"}'}, {"job": "no json"}])
async def test_bad_multipart(client: TestClient, parts: dict[str, str]) -> None:
    form = FormData({"other": "x", **parts}, default_to_multipart=True)
    answer = await client.post("/v1/jobs", data=form)
    assert answer.status in {400, 422}


async def test_malformed_multipart(client: TestClient) -> None:
    for content_type in ("multipart/form-data; boundary=x", "multipart/form-data"):
        answer = await client.post("/v1/jobs", data=b"--y\r\ngarbage", headers={"Content-Type": content_type})
        assert answer.status == 400


async def test_multipart_over_the_limit(client: TestClient) -> None:
    form = FormData()
    form.add_field("job", '{"model": "shapes-detector"}')
    form.add_field("image", b"x" * 70_000, filename="a.jpg")
    answer = await client.post("/v1/jobs", data=form)
    assert answer.status == 413


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/batches"])
@pytest.mark.parametrize("name", [b"\x04", b"a\rb", b"\xff\x00", b"", b'"'])
async def test_broken_heads_of_parts_are_the_clients_fault(client: TestClient, path: str, name: bytes) -> None:
    """Found by bench.fuzz: aiohttp raises an error of its own for control characters in a part's head."""
    data = b'--b\r\nContent-Disposition: form-data; name="%b"\r\n\r\nx\r\n--b--\r\n' % name
    answer = await client.post(path, data=data, headers={"Content-Type": "multipart/form-data; boundary=b"})
    assert 400 <= answer.status < 500
