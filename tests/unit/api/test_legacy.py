"""GET|POST /{project}/{version}."""

from __future__ import annotations

import base64

import pytest
from aiohttp import FormData
from aiohttp.test_utils import TestClient

from tests.unit.api.conftest import JPEG
from tests.unit.api.fakes import MemoryQueue

TEXT = base64.b64encode(JPEG)
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded", "text/plain"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_bare_base64_whatever_the_content_type(
    client: TestClient, queue: MemoryQueue, content_type: str, method: str
) -> None:
    answer = await client.request(method, "/team/7?api_key=k", data=TEXT, headers={"Content-Type": content_type})
    assert answer.status == 200
    assert set(await answer.json()) == {"inference_id", "time", "image", "predictions"}
    assert (queue.seen[0].inputs, queue.seen[0].model) == ([JPEG], "team/7")


@pytest.mark.parametrize(
    ("query", "params"),
    [
        ("confidence=40&overlap=30", {"confidence": 0.4, "iou_threshold": 0.3}),
        ("confidence=0.4&overlap=0.3", {"confidence": 0.4, "iou_threshold": 0.3}),
        ("confidence=0", {"confidence": 0.01}),
        ("confidence=1", {"confidence": 0.01}),
        ("confidence=best", {}),
        ("max_detections=5&unknown=1&classes=a", {"max_detections": 5}),
        ("disable_preproc_auto_orient=True", {"auto_orient": False}),
        ("disable_preproc_auto_orient=off", {}),
        (
            "format=image_and_json&labels=Yes&stroke=3",
            {"visualize": True, "visualization_labels": True, "visualization_stroke_width": 3},
        ),
    ],
)
async def test_query(client: TestClient, queue: MemoryQueue, query: str, params: dict[str, object]) -> None:
    answer = await client.post(f"/team/7?{query}", data=TEXT, headers=JSON)
    assert answer.status == 200
    assert queue.seen[0].params == params


async def test_formats(client: TestClient) -> None:
    image = await client.post("/team/7?format=image", data=TEXT, headers=JSON)
    assert (image.content_type, await image.read()) == ("image/jpeg", b"\xff\xd8drawn")
    both = await (await client.post("/team/7?format=image_and_json", data=TEXT, headers=JSON)).json()
    assert base64.b64decode(both["visualization"]) == b"\xff\xd8drawn"


async def test_multipart_file(client: TestClient, queue: MemoryQueue) -> None:
    form = FormData()
    form.add_field("file", JPEG, filename="a.jpg", content_type="image/jpeg")
    assert (await client.post("/team/7", data=form)).status == 200
    assert queue.seen[0].inputs == [JPEG]
    nothing = FormData({"other": "x"}, default_to_multipart=True)
    answer = await client.post("/team/7", data=nothing)
    assert (answer.status, (await answer.json())["code"]) == (400, "invalid_image")


@pytest.mark.parametrize(
    ("path", "data", "headers", "status", "code"),
    [
        ("/team/7", b"", JSON, 400, "invalid_image"),
        ("/team/7", JPEG, JSON, 400, "invalid_image"),
        ("/team/7", b"not base64!", JSON, 400, "invalid_image"),
        ("/team/7?image_type=numpy", b"gASV", JSON, 400, "invalid_image"),
        ("/team/7?image=http://example.com/a.jpg", None, {}, 400, "invalid_image"),
        ("/team/7?image=https://10.0.0.1/a.jpg", None, {}, 400, "invalid_image"),
        ("/team/7?format=gif", TEXT, JSON, 422, "validation_failed"),
        ("/team/7?confidence=abc", TEXT, JSON, 422, "validation_failed"),
        ("/team/7?confidence=nan", TEXT, JSON, 422, "validation_failed"),
        ("/team/7?labels=perhaps", TEXT, JSON, 422, "validation_failed"),
        ("/team/8", TEXT, JSON, 404, "model_not_found"),
        ("/team/a..b", TEXT, JSON, 400, "invalid_model_id"),
        ("/%2e%2e%2fx/1", TEXT, JSON, 400, "invalid_model_id"),
        ("/team/7", b"A" * 70_000, JSON, 413, "too_large"),
    ],
)
async def test_refusals(
    client: TestClient, path: str, data: bytes | None, headers: dict[str, str], status: int, code: str
) -> None:
    answer = await client.post(path, data=data, headers=headers)
    assert (answer.status, (await answer.json())["code"]) == (status, code)


async def test_missing_content_type(client: TestClient) -> None:
    answer = await client.post("/team/7", data=TEXT, skip_auto_headers=["Content-Type"])
    assert answer.status == 400
    assert (await answer.json())["message"] == "Content-Type header not provided with request."


@pytest.mark.parametrize("path", ["/v1/nothing", "/infer/nothing", "/model/nothing", "/web/nothing.js"])
async def test_our_own_prefixes_are_no_projects(client: TestClient, path: str) -> None:
    assert (await client.get(path)).status == 404
