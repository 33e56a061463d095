"""Asynchronous jobs on the whole system: a real worker runs them, cancels them, tells how far they are."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgpack
import pytest

from tests.launcher import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
SCENE = (ROOT / "examples" / "images" / "scene.jpg").read_bytes()
MANY = 32
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
async def session(base_url: str) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(base_url, timeout=aiohttp.ClientTimeout(60)) as session:
        yield session


async def submit(session: aiohttp.ClientSession, images: int = 1, **fields: Any) -> dict[str, Any]:
    wanted = msgpack.packb({"model": "shapes-detector", "image": [SCENE] * images, **fields})
    headers = {"Content-Type": "application/msgpack", "traceparent": TRACEPARENT}
    async with session.post("/v1/jobs", data=io.BytesIO(wanted), headers=headers) as answer:
        assert answer.status == 202, await answer.text()
        job: dict[str, Any] = await answer.json()
        return job


async def until(session: aiohttp.ClientSession, job_id: str, event: str) -> list[tuple[str, dict[str, Any]]]:
    """The job's events up to that one."""
    told = []
    async with session.get(f"/v1/jobs/{job_id}/events") as answer:
        name = ""
        async for line in answer.content:
            if line.startswith(b"event: "):
                name = line[7:].decode().strip()
            if line.startswith(b"data: "):
                told.append((name, json.loads(line[6:])))
                if name == event:
                    return told
    raise AssertionError(f"no {event!r} among {told}")


async def done(session: aiohttp.ClientSession, job_id: str) -> dict[str, Any]:
    async with session.get(f"/v1/jobs/{job_id}?wait=30") as answer:
        job: dict[str, Any] = await answer.json()
        return job


async def test_a_job_tells_its_whole_story(session: aiohttp.ClientSession) -> None:
    await done(session, (await submit(session))["id"])  # the model is loaded now
    job = await submit(session, MANY, metadata={"belt": "7"})
    told = await until(session, job["id"], "finished")
    names = [name for name, _ in told]
    assert (names[0], names[1], names[-1]) == ("queued", "started", "finished")
    assert set(names[2:-1]) == {"progress"}, "it is told how far it is"
    counts = [data["done"] for name, data in told if name == "progress"]
    assert counts == sorted(set(counts))
    assert all(data["images"] == MANY for name, data in told if name == "progress")
    after = await done(session, job["id"])
    assert (after["state"], after["progress"], after["attempt"]) == ("succeeded", {"done": MANY, "images": MANY}, 1)
    assert (after["hardware"], after["metadata"]) == ("cpu", {"belt": "7"})
    assert after["trace"]["traceparent"] == TRACEPARENT
    assert {"queue_ms", "decode_ms", "preprocess_ms", "infer_ms", "post_ms"} <= set(after["timings"])
    assert after["model"]["digest"]
    assert len(after["outputs"]) == MANY


async def test_a_running_job_is_canceled_and_the_next_one_runs(session: aiohttp.ClientSession) -> None:
    job = await submit(session, MANY)
    await until(session, job["id"], "started")
    async with session.post(f"/v1/jobs/{job['id']}/cancel") as answer:
        assert (answer.status, (await answer.json())["state"]) == (200, "canceled")
    following = await submit(session)
    assert (await done(session, following["id"]))["state"] == "succeeded"
    after = await done(session, job["id"])
    assert (after["state"], after["outputs"], after["error"]["code"]) == ("canceled", [], "canceled")
    async with session.get(f"/v1/jobs/{job['id']}/result") as answer:
        assert answer.status == 409


async def test_a_canceled_job_in_the_queue_never_starts(session: aiohttp.ClientSession) -> None:
    blockers = [await submit(session, MANY) for _ in range(3)]
    job = await submit(session)
    async with session.post(f"/v1/jobs/{job['id']}/cancel") as answer:
        assert answer.status == 200
    assert [name for name, _ in await until(session, job["id"], "finished")] == ["queued", "finished"]
    for blocker in blockers:
        assert (await done(session, blocker["id"]))["state"] == "succeeded"
    assert (await done(session, job["id"]))["started"] is None


async def test_a_picture_comes_as_bytes_in_msgpack(session: aiohttp.ClientSession) -> None:
    job = await submit(session, params={"visualize": True})
    await done(session, job["id"])
    url = f"/v1/jobs/{job['id']}/result"
    async with session.get(url, headers={"Accept": "application/msgpack"}) as answer:
        packed = msgpack.unpackb(await answer.read())["outputs"][0]["output"]
    async with session.get(url) as answer:
        plain = (await answer.json())["outputs"][0]["output"]
    assert packed["visualization"][:2] == b"\xff\xd8"
    assert base64.b64decode(plain["visualization"]) == packed["visualization"]
    assert plain["predictions"] == packed["predictions"]


async def test_two_hundred_clients_with_one_key_make_one_job(session: aiohttp.ClientSession) -> None:
    wanted = {"model": "shapes-detector", "image": {"type": "base64", "value": base64.b64encode(SCENE).decode()}}

    async def send() -> tuple[int, str]:
        async with session.post("/v1/jobs", json=wanted, headers={"Idempotency-Key": '"one for all"'}) as answer:
            return answer.status, (await answer.json())["id"]

    answers = await asyncio.gather(*(send() for _ in range(200)))
    assert len({job_id for _, job_id in answers}) == 1
    assert {status for status, _ in answers} <= {200, 202}
    ended = await done(session, answers[0][1])
    assert (ended["state"], ended["attempt"]) == ("succeeded", 1)
    async with session.get("/v1/jobs", params={"since": ended["created"]}) as answer:
        listed = (await answer.json())["jobs"]
    assert [job["id"] for job in listed] == [ended["id"]]


async def test_nothing_is_left_of_an_erased_job(session: aiohttp.ClientSession) -> None:
    job = await submit(session, input_ttl=60)
    await done(session, job["id"])
    async with session.delete(f"/v1/jobs/{job['id']}") as answer:
        assert answer.status == 204
    for path in ("", "/result", "/events"):
        async with session.get(f"/v1/jobs/{job['id']}{path}") as answer:
            assert answer.status == 404
    async with session.post(f"/v1/jobs/{job['id']}/retry") as answer:
        assert answer.status == 404


async def test_a_kept_job_runs_again(session: aiohttp.ClientSession) -> None:
    job = await submit(session, input_ttl=60)
    first = await done(session, job["id"])
    async with session.post(f"/v1/jobs/{job['id']}/retry") as answer:
        assert answer.status == 202
        again = await done(session, (await answer.json())["id"])
    assert again["id"] != first["id"]
    boxes = [[(p["class"], p["x"]) for p in run["outputs"][0]["output"]["predictions"]] for run in (first, again)]
    assert boxes[0] == boxes[1]
    assert boxes[0]
