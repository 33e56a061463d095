"""What one key may use up, whose jobs it sees, which models it knows."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from api_service.settings import ApiSettings
from shared.errors import QuotaExceeded
from tests.unit.api.fakes import MemoryFleet, MemoryKeys, MemoryQueue

INFER = "/infer/object_detection"


@pytest.fixture
def settings() -> ApiSettings:
    return ApiSettings(host="0.0.0.0", multi_tenant=True, max_wait_s=5)


def bearer(token: str, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", **more}


async def test_rate(client: TestClient, keys: MemoryKeys) -> None:
    token = keys.make("infer", rate=2, burst=3)
    for left in (2, 1, 0):
        answer = await client.get("/v1/models", headers=bearer(token))
        assert (answer.status, answer.headers["RateLimit"]) == (200, f'"key";r={left};t=3')
        assert answer.headers["RateLimit-Policy"] == '"key";q=3;w=2'
    answer = await client.get("/v1/models", headers=bearer(token))
    assert (answer.status, answer.headers["Retry-After"]) == (429, "2")
    problem = await answer.json(content_type="application/problem+json")
    assert (problem["code"], problem["retryable"]) == ("rate_limited", True)
    assert "r=0" in answer.headers["RateLimit"]
    assert [*keys.uses.values()] == [[False, False, False, True]]


async def test_concurrency(client: TestClient, keys: MemoryKeys, queue: MemoryQueue, jpeg: dict[str, str]) -> None:
    token = keys.make("jobs", concurrency=1)
    queue.held = True
    body = {"model": "shapes-detector", "image": jpeg}
    waiting = asyncio.create_task(client.post("/v1/jobs", json=body, headers=bearer(token, Prefer="wait=5")))
    while not queue.seen:  # noqa: ASYNC110 - the queue has no event for that
        await asyncio.sleep(0.01)
    refused = await client.get("/v1/jobs", headers=bearer(token))
    assert (refused.status, refused.headers["Retry-After"]) == (429, "1")
    assert (await refused.json(content_type=None))["code"] == "too_many_at_once"
    assert (await client.get("/v1/jobs", headers=bearer(keys.make("jobs")))).status == 200
    queue.finish(queue.seen[0])
    assert (await waiting).status == 200
    assert (await client.get("/v1/jobs", headers=bearer(token))).status == 200


async def test_what_a_key_used_up_is_429_and_what_the_system_lacks_503(
    client: TestClient, keys: MemoryKeys, queue: MemoryQueue, jpeg: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    token = keys.make("infer", "jobs")
    body = {"model": "shapes-detector", "image": jpeg}
    queue.full = True
    answer = await client.post("/v1/jobs", json=body, headers=bearer(token))
    assert (answer.status, (await answer.json(content_type=None))["code"]) == (503, "queue_full")
    assert answer.headers["Retry-After"] == "1"

    async def refuse(*_: Any) -> Any:
        raise QuotaExceeded("used up")

    monkeypatch.setattr(queue, "submit", refuse)
    monkeypatch.setattr(queue, "call", refuse)
    for path, sent in (("/v1/jobs", body), (INFER, {"model_id": "shapes-detector", "image": jpeg})):
        answer = await client.post(path, json=sent, headers=bearer(token))
        assert (answer.status, (await answer.json(content_type=None))["code"]) == (429, "quota_exceeded")
        assert answer.headers["Retry-After"] == "1"


async def test_jobs_of_others_are_not_there(
    client: TestClient, keys: MemoryKeys, queue: MemoryQueue, jpeg: dict[str, str]
) -> None:
    mine, theirs, admin = keys.make("jobs", owner="a"), keys.make("jobs", owner="b"), keys.make("admin")
    same_owner = keys.make("jobs", owner="a")
    queue.held = True
    body = {"model": "shapes-detector", "image": jpeg}
    job = await (await client.post("/v1/jobs", json=body, headers=bearer(mine))).json()
    assert queue.seen[0].owner == "a"
    for token, status, count in ((mine, 200, 1), (same_owner, 200, 1), (admin, 200, 1), (theirs, 404, 0)):
        listed = await (await client.get("/v1/jobs", headers=bearer(token))).json()
        assert len(listed["jobs"]) == count
        assert (await client.get(f"/v1/jobs/{job['id']}", headers=bearer(token))).status == status
    for method, path in (
        ("POST", "/cancel"),
        ("POST", "/retry"),
        ("DELETE", ""),
        ("GET", "/result"),
        ("GET", "/events"),
    ):
        assert (await client.request(method, f"/v1/jobs/{job['id']}{path}", headers=bearer(theirs))).status == 404
    assert (await client.post(f"/v1/jobs/{job['id']}/cancel", headers=bearer(same_owner))).status == 200
    assert (await client.delete(f"/v1/jobs/{job['id']}", headers=bearer(admin))).status == 204


async def test_an_idempotency_key_belongs_to_its_owner(
    client: TestClient, keys: MemoryKeys, jpeg: dict[str, str]
) -> None:
    body = {"model": "shapes-detector", "image": jpeg}
    ids: list[str] = []
    for token in (keys.make("jobs", owner="a"), keys.make("jobs", owner="a"), keys.make("jobs", owner="b")):
        answer = await client.post("/v1/jobs", json=body, headers=bearer(token, **{"Idempotency-Key": "same"}))
        ids.append((await answer.json())["id"])
    assert ids[0] == ids[1] != ids[2]


async def test_models_of_others_are_not_there(
    client: TestClient, keys: MemoryKeys, fleet: MemoryFleet, jpeg: dict[str, str]
) -> None:
    token = keys.make("infer", "jobs", "models", models=("shapes-*",))
    fleet.fleet.active.update({"shapes-detector", "team/7"})
    fleet.fleet.workers[0].held.append({"id": "team/7"})
    text = ""
    for path in ("/v1/models", "/v1/fleet", "/v1/queues", "/model/registry", "/metrics"):
        answer = await client.get(path, headers=bearer(token))
        assert answer.status == 200
        text += await answer.text()
    assert "shapes-detector" in text
    assert "team/7" not in text
    body: dict[str, Any] = {"model_id": "team/7", "image": jpeg}
    for path, sent in (
        (INFER, body),
        ("/model/add", body),
        ("/v1/jobs", {"model": "team/7", "image": jpeg}),
        ("/v1/jobs", {"model": "team/7", "image": jpeg, "allow_pending": True}),
    ):
        answer = await client.post(path, json=sent, headers=bearer(token))
        assert (answer.status, (await answer.json(content_type=None))["code"]) == (404, "model_not_found")
    assert (await client.post("/model/remove", json={"model_id": "team/7"}, headers=bearer(token))).status == 200
    assert (await client.post("/model/clear", headers=bearer(token))).status == 200
    assert fleet.fleet.active == {"team/7"}
    fleet.fleet.workers.clear()
    sent = {"model": "team/7", "image": jpeg, "allow_pending": True}
    assert (await client.post("/v1/jobs", json=sent, headers=bearer(token))).status == 404
