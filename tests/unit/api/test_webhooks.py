"""What the webhook and batch routes refuse before they ask Redis."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import FormData
from aiohttp.test_utils import TestClient

from api_service.routes.batches import given, uploaded
from api_service.schemas.batches import BatchRequest
from api_service.uploads import Upload
from shared.batches.settings import BatchSettings
from shared.egress import EgressRefused
from shared.errors import InvalidRequest, TooLarge

SECRETS = "/v1/webhooks/secrets"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/v1/webhooks/deliveries?state=lost", None, 422, "validation_failed"),
        ("GET", "/v1/webhooks/deliveries?limit=0", None, 422, "validation_failed"),
        ("GET", f"{SECRETS}/a:b", None, 404, "webhook_secret_not_found"),
        ("DELETE", f"{SECRETS}/default", None, 400, "invalid_request"),
        ("GET", "/v1/webhooks/deliveries/a:b", None, 404, "delivery_not_found"),
        ("POST", "/v1/webhooks/deliveries/a:b/replay", None, 404, "delivery_not_found"),
        ("GET", "/v1/batches/unknown", None, 404, "batch_not_found"),
        ("POST", SECRETS, {"kinds": []}, 422, "validation_failed"),
        ("POST", SECRETS, {"kinds": ["rsa"]}, 422, "validation_failed"),
        ("POST", SECRETS, {"secret": "whsec_short"}, 400, "invalid_request"),
        ("POST", f"{SECRETS}/whs_1/rotate", {"overlap": -1}, 422, "validation_failed"),
    ],
)
async def test_problems(client: TestClient, method: str, path: str, body: Any, status: int, code: str) -> None:
    answer = await client.request(method, path, json=body)
    problem = await answer.json(content_type="application/problem+json")
    assert (answer.status, problem["code"]) == (status, code)


async def test_a_secret_never_comes_back_in_an_error(client: TestClient) -> None:
    answer = await client.post(SECRETS, json={"secret": "whsec_mysecretmysecret", "kinds": ["rsa"]})
    assert answer.status == 422
    assert "mysecret" not in await answer.text()


async def test_a_malformed_upload_leaves_nothing(client: TestClient, tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.setitem(client.app._state, _settings_key(), BatchSettings(data_dir=tmp_path, batch_max_bytes=10_000))
    big = FormData({"batch": "{}"})
    big.add_field("image", b"x" * 20_000, filename="a.jpg")
    assert (await client.post("/v1/batches", data=big)).status == 413
    broken = await client.post(
        "/v1/batches", data=b"--y\r\ngarbage", headers={"Content-Type": "multipart/form-data; boundary=x"}
    )
    assert broken.status == 400
    assert list((tmp_path / "batches").iterdir()) == []


def _settings_key() -> Any:
    from api_service.context import BATCH_SETTINGS

    return BATCH_SETTINGS


SETTINGS = BatchSettings(batch_folders=("/data/in",), batch_max_items=3)


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ({}, InvalidRequest),
        ({"urls": ["https://x.example/a.jpg"], "folder": "/data/in"}, InvalidRequest),
        ({"folder": "/data"}, InvalidRequest),
        ({"folder": "/data/in/../secret"}, InvalidRequest),
        ({"folder": "/data/input"}, InvalidRequest),
        ({"video": "data/in/a.mp4"}, InvalidRequest),
        ({"urls": ["https://127.0.0.1/a.jpg"]}, EgressRefused),
        ({"urls": ["https://x.example/a.jpg"] * 4}, TooLarge),
    ],
)
def test_sources_that_are_refused(request_: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        given(BatchRequest(model="m", **request_), SETTINGS)


def test_sources_that_are_taken() -> None:
    wanted = BatchRequest(model="m", folder="/data/in/./a/../b")
    assert given(wanted, SETTINGS) == ({"kind": "folder", "path": "/data/in/b", "every": 1}, [])
    assert uploaded(BatchRequest(model="m"), Upload(part="image", names=["a", "b"])) == ({"kind": "files"}, ["a", "b"])
    with pytest.raises(InvalidRequest):
        uploaded(BatchRequest(model="m"), Upload())
