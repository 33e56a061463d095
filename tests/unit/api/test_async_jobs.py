"""The life of an asynchronous job over HTTP: keys, formats, results, events, cancel, erase, retry, list."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import msgpack
import pytest
from aiohttp import ClientResponse, FormData
from aiohttp.test_utils import TestClient

from shared.errors import DeadlineExceeded, InferenceFailed, VisionfleetError
from shared.jobs import JobResult
from tests.unit.api.conftest import JPEG
from tests.unit.api.fakes import DETECTION, MemoryQueue

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def wanted(jpeg: dict) -> dict[str, Any]:
    return {"model": "shapes-detector", "image": jpeg}


async def problem(answer: ClientResponse) -> tuple[int, str]:
    body = await answer.json(content_type="application/problem+json")
    assert {"type", "title", "detail", "retryable", "request_id"} <= set(body)
    return answer.status, body["code"]


@pytest.mark.parametrize("header", ["abc-1", '"abc-1"', ' "abc-1" '])
async def test_the_same_key_and_request_is_the_same_job(
    client: TestClient, queue: MemoryQueue, wanted: dict, header: str
) -> None:
    queue.held = True
    first = await client.post("/v1/jobs", json=wanted, headers={"Idempotency-Key": "abc-1"})
    again = await client.post("/v1/jobs", json=wanted, headers={"Idempotency-Key": header})
    assert (first.status, again.status) == (202, 202)
    assert (await first.json())["id"] == (await again.json())["id"]
    assert len(queue.seen) == 1
    queue.finish(queue.seen[0])
    later = await client.post("/v1/jobs", json=wanted, headers={"Idempotency-Key": header})
    assert (later.status, (await later.json())["state"]) == (200, "succeeded")


async def test_the_key_knows_the_request_not_its_spelling(client: TestClient, queue: MemoryQueue, wanted: dict) -> None:
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json"}
    await client.post("/v1/jobs", data=json.dumps(wanted), headers=headers)
    await client.post("/v1/jobs", data=json.dumps(dict(reversed(wanted.items())), indent=3), headers=headers)
    assert len(queue.seen) == 1
    for change in ({"priority": "bulk"}, {"image": {**wanted["image"], "value": "/9j/"}}, {"metadata": {"a": "b"}}):
        answer = await client.post("/v1/jobs", json={**wanted, **change}, headers={"Idempotency-Key": "k"})
        assert await problem(answer) == (422, "idempotency_mismatch")
    assert len(queue.seen) == 1


async def test_a_key_holds_for_multipart_whatever_the_boundary(client: TestClient, queue: MemoryQueue) -> None:
    for image in (JPEG, JPEG, JPEG + b"other"):
        form = FormData()
        form.add_field("job", '{"model": "shapes-detector"}')
        form.add_field("image", image, filename="a.jpg")
        answer = await client.post("/v1/jobs", data=form, headers={"Idempotency-Key": "k"})
    assert len(queue.seen) == 1
    assert await problem(answer) == (422, "idempotency_mismatch")


async def test_a_repeated_submission_does_not_load_its_images_again(client: TestClient, queue: MemoryQueue) -> None:
    wanted = {"model": "shapes-detector", "image": {"type": "url", "value": "https://192.0.2.1/gone.jpg"}}
    refused = await client.post("/v1/jobs", json=wanted, headers={"Idempotency-Key": "k"})
    assert await problem(refused) == (400, "invalid_image"), "the image cannot be had now"
    assert queue.keys == {}, "a refused request uses no key up"


async def test_a_key_whose_job_is_gone(client: TestClient, queue: MemoryQueue, wanted: dict) -> None:
    headers = {"Idempotency-Key": "k"}
    job_id = (await (await client.post("/v1/jobs", json=wanted, headers=headers)).json())["id"]
    del queue.records[job_id]
    answer = await client.post("/v1/jobs", json=wanted, headers=headers)
    assert await problem(answer) == (409, "idempotency_conflict")


@pytest.mark.parametrize("key", ["", '""', "x" * 256, "ü"])
async def test_bad_keys(client: TestClient, wanted: dict, key: str) -> None:
    answer = await client.post("/v1/jobs", json=wanted, headers={"Idempotency-Key": key})
    assert await problem(answer) == (400, "invalid_request")


@pytest.mark.parametrize("media", ["application/msgpack", "application/x-msgpack"])
async def test_msgpack(client: TestClient, queue: MemoryQueue, jpeg: dict, media: str) -> None:
    wanted = {"model": "shapes-detector", "image": [JPEG, jpeg, JPEG + b"3"], "params": {"confidence": 0.2}}
    answer = await client.post("/v1/jobs", data=msgpack.packb(wanted), headers={"Content-Type": media})
    assert answer.status == 202
    assert queue.seen[0].inputs == [JPEG, JPEG, JPEG + b"3"]
    assert queue.seen[0].params == {"confidence": 0.2}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"\xc1", (422, "validation_failed")),
        (msgpack.packb([1]), (422, "validation_failed")),
        (msgpack.packb({"model": "shapes-detector"}), (400, "invalid_request")),
        (msgpack.packb({"model": "shapes-detector", "image": []}), (400, "invalid_request")),
        (msgpack.packb({"model": "shapes-detector", "image": b""}), (400, "invalid_image")),
        (msgpack.packb({"model": "shapes-detector", "image": 7}), (422, "validation_failed")),
        (msgpack.packb({"model": 7, "image": b"x"}), (422, "validation_failed")),
        (msgpack.packb({"model": "shapes-detector", "image": [b"x"] * 5}), (413, "too_large")),
        (b"\x91" * 2000, (422, "validation_failed")),
    ],
)
async def test_bad_msgpack(client: TestClient, body: bytes, expected: tuple[int, str]) -> None:
    answer = await client.post("/v1/jobs", data=body, headers={"Content-Type": "application/msgpack"})
    assert await problem(answer) == expected


async def test_terms_reach_the_queue(client: TestClient, queue: MemoryQueue, wanted: dict) -> None:
    webhook = {"url": "https://example.com/hook", "events": ["started"], "secret_id": "s1", "mode": "thin"}
    wanted |= {"timeout": 9, "start_timeout": 2.5, "result_ttl": 60, "input_ttl": 30, "webhook": webhook}
    answer = await client.post("/v1/jobs", json=wanted, headers={"traceparent": TRACEPARENT})
    job, terms = queue.kept[(await answer.json())["id"]]
    assert (job.timeout_ms, terms.start_timeout_ms) == (9_000, 2_500)
    assert (terms.result_ttl_ms, terms.input_ttl_ms, terms.webhook) == (60_000, 30_000, webhook)
    assert job.trace == {"request_id": answer.headers["X-Request-ID"], "traceparent": TRACEPARENT}
    assert (await answer.json())["webhook"] == webhook


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"start_timeout": 0}, (422, "validation_failed")),
        ({"result_ttl": 10**7}, (400, "invalid_request")),
        ({"input_ttl": -1}, (422, "validation_failed")),
        ({"webhook": {"url": "ftp://example.com"}}, (422, "validation_failed")),
        ({"webhook": {"url": "https://example.com", "events": ["all"]}}, (422, "validation_failed")),
        ({"metadata": {"a": "x" * 20_000}}, (413, "too_large")),
        ({"metadata": {str(n): "" for n in range(51)}}, (422, "validation_failed")),
    ],
)
async def test_terms_over_a_limit(client: TestClient, wanted: dict, change: dict, expected: tuple[int, str]) -> None:
    assert await problem(await client.post("/v1/jobs", json={**wanted, **change})) == expected


@pytest.mark.parametrize("bad", ["", "00-" + "0" * 32 + "-00f067aa0ba902b7-01", "ff" + TRACEPARENT[2:], "x" * 2000])
async def test_a_bad_traceparent_is_left_out(client: TestClient, queue: MemoryQueue, wanted: dict, bad: str) -> None:
    assert (await client.post("/v1/jobs", json=wanted, headers={"traceparent": bad})).status == 202
    assert set(queue.seen[0].trace) == {"request_id"}


async def test_an_etag_saves_what_has_not_changed(client: TestClient, queue: MemoryQueue, wanted: dict) -> None:
    queue.held = True
    path = (await client.post("/v1/jobs", json=wanted)).headers["Location"]
    first = await client.get(path)
    same = await client.get(path, headers={"If-None-Match": f'"x", {first.headers["ETag"]}'})
    assert (same.status, await same.read(), same.headers["ETag"]) == (304, b"", first.headers["ETag"])
    assert same.headers["Retry-After"] == "1"
    queue.finish(queue.seen[0])
    after = await client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (after.status, (await after.json())["progress"]) == (200, {"done": 1, "images": 1})


async def test_the_result_in_json_and_msgpack(client: TestClient, queue: MemoryQueue, wanted: dict) -> None:
    queue.held = True
    wanted["params"] = {"visualize": True}
    path = (await client.post("/v1/jobs", json=wanted)).headers["Location"] + "/result"
    pending = await client.get(path, params={"wait": "0.01"})
    assert (pending.status, pending.headers["Retry-After"], (await pending.json())["outputs"]) == (202, "1", [])
    queue.finish(queue.seen[0])
    as_json = await client.get(path)
    assert (as_json.status, as_json.content_type, as_json.headers["Vary"]) == (200, "application/json", "Accept")
    output = (await as_json.json())["outputs"][0]["output"]
    assert output["predictions"] == [DETECTION]
    as_msgpack = await client.get(path, headers={"Accept": "application/msgpack, */*;q=0.1"})
    assert as_msgpack.content_type == "application/msgpack"
    packed = msgpack.unpackb(await as_msgpack.read())["outputs"][0]["output"]
    assert packed["visualization"] == base64.b64decode(output["visualization"])
    tag = as_json.headers["ETag"]
    assert (await client.get(path, headers={"If-None-Match": tag})).status == 304


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (DeadlineExceeded("Late."), (410, "job_expired")),
        (InferenceFailed("Broken."), (500, "inference_failed")),
        (VisionfleetError("Broken."), (500, "internal")),
    ],
)
async def test_the_result_of_what_did_not_succeed(
    client: TestClient, queue: MemoryQueue, wanted: dict, error: VisionfleetError, expected: tuple[int, str]
) -> None:
    queue.held = True
    body = await (await client.post("/v1/jobs", json=wanted)).json()
    queue.end(body["id"], JobResult.failed(body["id"], error))
    assert await problem(await client.get(f"/v1/jobs/{body['id']}/result")) == expected


async def test_cancel(client: TestClient, queue: MemoryQueue, wanted: dict) -> None:
    queue.held = True
    path = (await client.post("/v1/jobs", json=wanted)).headers["Location"]
    for _ in range(2):
        answer = await client.post(f"{path}/cancel")
        assert (answer.status, (await answer.json())["state"]) == (200, "canceled")
    assert await problem(await client.get(f"{path}/result")) == (409, "canceled")
    finished = (await client.post("/v1/jobs", json=wanted)).headers["Location"]
    queue.finish(queue.seen[1])
    assert await problem(await client.post(f"{finished}/cancel")) == (409, "job_finished")
    assert await problem(await client.post("/v1/jobs/nothing/cancel")) == (404, "job_not_found")


async def test_erase(client: TestClient, wanted: dict) -> None:
    path = (await client.post("/v1/jobs", json=wanted)).headers["Location"]
    erased = await client.delete(path)
    assert (erased.status, await erased.read()) == (204, b"")
    for again in (await client.delete(path), await client.get(path), await client.get(f"{path}/result")):
        assert await problem(again) == (404, "job_not_found")


async def test_retry_is_a_new_job(client: TestClient, queue: MemoryQueue, wanted: dict) -> None:
    queue.held = True
    body = await (await client.post("/v1/jobs", json={**wanted, "input_ttl": 60})).json()
    path = f"/v1/jobs/{body['id']}/retry"
    assert await problem(await client.post(path)) == (409, "not_finished")
    queue.finish(queue.seen[0])
    answer = await client.post(path)
    assert answer.status == 202
    assert (await answer.json())["id"] not in {body["id"], ""}
    assert queue.seen[1].inputs == [JPEG]
    forgotten = (await client.post("/v1/jobs", json=wanted)).headers["Location"]
    queue.finish(queue.seen[2])
    assert await problem(await client.post(f"{forgotten}/retry")) == (409, "input_gone")


async def test_listing(client: TestClient, queue: MemoryQueue, wanted: dict) -> None:
    for number in range(5):
        queue.held = number == 0
        lane = "bulk" if number % 2 else "normal"
        await client.post("/v1/jobs", json={**wanted, "priority": lane, "metadata": {"n": str(number)}})
    first = await (await client.get("/v1/jobs", params={"limit": "2"})).json()
    assert [job["metadata"]["n"] for job in first["jobs"]] == ["4", "3"]
    assert "outputs" not in first["jobs"][0]
    rest = await (await client.get("/v1/jobs", params={"limit": "9", "cursor": first["cursor"]})).json()
    assert [job["metadata"]["n"] for job in rest["jobs"]] == ["2", "1", "0"]
    assert rest["cursor"] is None
    waiting = await (await client.get("/v1/jobs", params={"state": "queued"})).json()
    assert [job["position"] for job in waiting["jobs"]] == [1]
    assert len((await (await client.get("/v1/jobs", params={"lane": "bulk"})).json())["jobs"]) == 2
    for since, count in (("2023-11-14T00:00:00Z", 5), ("2023-11-15T00:00:00+00:00", 0)):
        assert len((await (await client.get("/v1/jobs", params={"since": since})).json())["jobs"]) == count
    for bad in ({"state": "lost"}, {"limit": "0"}, {"since": "soon"}):
        assert await problem(await client.get("/v1/jobs", params=bad)) == (422, "validation_failed")
    assert await problem(await client.get("/v1/jobs", params={"cursor": "x"})) == (400, "invalid_request")


async def events_of(answer: ClientResponse) -> AsyncIterator[tuple[str, str, dict[str, Any]] | str]:
    """Each message as (id, event, data), each comment as its text; written from the standard, not from our server."""
    message: dict[str, str] = {}
    async for raw in answer.content:
        line = raw.decode().rstrip("\n")
        if line.startswith(":"):
            yield line
        elif line:
            name, _, value = line.partition(": ")
            message[name] = value
        elif message:
            yield message["id"], message["event"], json.loads(message["data"])
            message = {}


async def test_events_as_they_happen(client: TestClient, queue: MemoryQueue, wanted: dict) -> None:
    queue.held = True
    path = (await client.post("/v1/jobs", json=wanted)).headers["Location"]
    answer = await client.get(f"{path}/events")
    assert (answer.status, answer.content_type) == (200, "text/event-stream")
    assert answer.headers["Cache-Control"] == "no-cache"
    stream = events_of(answer)
    first = await anext(stream)
    assert first[1:] == ("queued", {"position": 1})
    assert str(await anext(stream)).startswith(":"), "a heartbeat while nothing happens"
    queue.finish(queue.seen[0])
    rest = [event async for event in stream if not isinstance(event, str)]
    assert [event[1:] for event in rest] == [
        ("started", {"attempt": 1, "worker": "w1"}),
        ("finished", {"state": "succeeded"}),
    ]
    resumed = await client.get(f"{path}/events", headers={"Last-Event-ID": rest[0][0]})
    assert [event async for event in events_of(resumed)] == rest[1:]


async def test_events_of_nothing_and_from_nowhere(client: TestClient, wanted: dict) -> None:
    assert await problem(await client.get("/v1/jobs/nothing/events")) == (404, "job_not_found")
    path = (await client.post("/v1/jobs", json=wanted)).headers["Location"]
    bad = await client.get(f"{path}/events", headers={"Last-Event-ID": "$"})
    assert await problem(bad) == (400, "invalid_request")
    assert (await client.head(f"{path}/events")).status == 200


async def test_followers_are_dismissed_when_the_server_stops(
    client: TestClient, queue: MemoryQueue, wanted: dict
) -> None:
    queue.held = True
    path = (await client.post("/v1/jobs", json=wanted)).headers["Location"]
    answer = await client.get(f"{path}/events")
    await answer.content.readline()
    await asyncio.wait_for(client.server.close(), 3)


async def test_events_end_when_redis_leaves(client: TestClient, queue: MemoryQueue, wanted: dict) -> None:
    queue.held = True
    path = (await client.post("/v1/jobs", json=wanted)).headers["Location"]
    answer = await client.get(f"{path}/events")
    stream = events_of(answer)
    first = await anext(stream)
    queue.down = True
    assert [event async for event in stream if not isinstance(event, str)] == [], "an orderly end, no second answer"
    queue.down = False
    queue.finish(queue.seen[0])
    resumed = await client.get(f"{path}/events", headers={"Last-Event-ID": str(first[0])})
    assert [event[1] async for event in events_of(resumed)] == ["started", "finished"]


async def test_a_full_queue_is_503_and_still_knows_its_keys(
    client: TestClient, queue: MemoryQueue, wanted: dict
) -> None:
    first = await client.post("/v1/jobs", json=wanted, headers={"Idempotency-Key": "k"})
    queue.full = True
    refused = await client.post("/v1/jobs", json=wanted)
    assert refused.headers["Retry-After"] == "1"
    assert (await refused.json(content_type=None))["retryable"] is True
    assert await problem(refused) == (503, "queue_full")
    again = await client.post("/v1/jobs", json=wanted, headers={"Idempotency-Key": "k"})
    assert (await again.json())["id"] == (await first.json())["id"]


async def test_redis_away_is_a_retryable_problem(client: TestClient, queue: MemoryQueue, wanted: dict) -> None:
    path = (await client.post("/v1/jobs", json=wanted)).headers["Location"]
    queue.down = True
    for method, url in (
        ("GET", path),
        ("GET", f"{path}/result"),
        ("GET", f"{path}/events"),
        ("POST", f"{path}/cancel"),
        ("DELETE", path),
        ("POST", "/v1/jobs"),
    ):
        answer = await client.request(method, url, json=wanted if url == "/v1/jobs" else None)
        assert (await answer.json(content_type=None))["retryable"] is True
        assert await problem(answer) == (503, "queue_unavailable")
        assert answer.headers["Retry-After"] == "1"
