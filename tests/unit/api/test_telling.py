"""Answers that are told while they are written: their events, their errors, and what is left behind."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient

from shared.errors import DeadlineExceeded
from shared.jobs import JobResult
from tests.unit.api.fakes import MemoryFleet, MemoryQueue, model
from tests.unit.api.test_lmm_routes import work

EVENTS = "text/event-stream"


@pytest.fixture
def queue() -> MemoryQueue:
    made = MemoryQueue(work)
    made.held = True
    return made


@pytest.fixture
def fleet() -> MemoryFleet:
    made = MemoryFleet()
    made.fleet.models["writer"] = model("writer", "lmm", ["w1"])
    return made


async def told(answer: ClientResponse) -> AsyncIterator[tuple[str, Any]]:
    name = ""
    async for line in answer.content:
        field, _, value = line.decode().rstrip("\n").partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, json.loads(value)


async def taken(queue: MemoryQueue) -> Any:
    await queue.came.wait()
    queue.came.clear()
    queue.begin(queue.seen[-1])
    return queue.seen[-1]


async def asked(client: TestClient, queue: MemoryQueue, body: Any, **headers: str) -> tuple[Any, Any]:
    """The answer on its way, and the job that a worker has begun."""
    sending = asyncio.ensure_future(client.post("/infer/lmm", json=body, headers=headers))
    return sending, await taken(queue)


async def test_texts_then_the_whole_answer(client: TestClient, queue: MemoryQueue, jpeg: dict) -> None:
    sending, job = await asked(client, queue, {"model_id": "writer", "image": jpeg, "stream": True, "id": "mine"})
    assert (job.lane, job.task) == ("live", "lmm")
    queue.tell(job.id, "text", input=0, text="a c")
    answer = await sending
    assert (answer.status, answer.content_type) == (200, EVENTS)
    events = told(answer)
    assert await anext(events) == ("text", {"input": 0, "text": "a c"})
    queue.tell(job.id, "text", input=0, text="at")
    assert await anext(events) == ("text", {"input": 0, "text": "at"})
    queue.finish(job)
    name, whole = await anext(events)
    assert name == "result"
    queue.held = False
    plain = await client.post("/infer/lmm", json={"model_id": "writer", "image": jpeg, "id": "mine"})
    assert {**whole, "time": 0} == {**(await plain.json()), "time": 0}
    assert [event async for event in events] == []
    assert job.id not in queue.records


async def test_by_its_accept_header_and_with_several_images(client: TestClient, queue: MemoryQueue, jpeg: dict) -> None:
    body = {"model_id": "writer", "image": [jpeg, jpeg]}
    sending, job = await asked(client, queue, body, Accept=f"{EVENTS}, application/json;q=0.5")
    queue.tell(job.id, "text", input=1, text="two")
    queue.finish(job)
    found = [event async for event in told(await sending)]
    assert found[0] == ("text", {"input": 1, "text": "two"})
    assert [each["response"] for each in found[1][1]] == ["x", "x"]
    assert len(found) == 2


async def test_a_text_that_is_written_again_goes_on_where_it_was(
    client: TestClient, queue: MemoryQueue, jpeg: dict
) -> None:
    sending, job = await asked(client, queue, {"model_id": "writer", "image": jpeg, "stream": True})
    queue.tell(job.id, "text", input=0, text="one two")
    queue.tell(job.id, "started", attempt=2, worker="w2")
    for piece in ("one ", "two", " three"):
        queue.tell(job.id, "text", input=0, text=piece)
    queue.tell(job.id, "started", attempt=3, worker="w3")
    queue.tell(job.id, "text", input=0, text="another text than the one before")
    queue.finish(job)
    pieces = [data["text"] async for name, data in told(await sending) if name == "text"]
    assert pieces == ["one two", " three"]


async def test_what_is_wrong_before_the_text_is_an_ordinary_answer(
    client: TestClient, queue: MemoryQueue, jpeg: dict
) -> None:
    body = {"model_id": "writer", "image": jpeg, "stream": True}
    sending, job = await asked(client, queue, body)
    queue.end(job.id, JobResult.failed(job.id, DeadlineExceeded("Too late.")))
    answer = await sending
    assert (answer.status, await answer.json()) == (504, {"message": "Too late.", "code": "deadline_exceeded"})
    for wrong, status in (({"model_id": "nobody"}, 404), ({"temperature": -1}, 422), ({"model_id": ""}, 400)):
        assert (await client.post("/infer/lmm", json={**body, **wrong})).status == status
    queue.full = True
    assert (await client.post("/infer/lmm", json=body)).status == 503
    queue.down = True
    assert (await client.post("/infer/lmm", json=body)).status == 503
    assert not queue.records


async def test_what_is_wrong_after_the_text_is_an_event(client: TestClient, queue: MemoryQueue, jpeg: dict) -> None:
    sending, job = await asked(client, queue, {"model_id": "writer", "image": jpeg, "stream": True})
    queue.tell(job.id, "text", input=0, text="a")
    answer = await sending
    queue.end(job.id, JobResult.failed(job.id, DeadlineExceeded("Too late.")))
    found = [event async for event in told(answer)]
    assert found[-1] == ("error", {"message": "Too late.", "code": "deadline_exceeded"})
    assert answer.status == 200


@pytest.mark.parametrize("begun", [True, False])
async def test_who_leaves_ends_the_job(client: TestClient, queue: MemoryQueue, jpeg: dict, *, begun: bool) -> None:
    sending, job = await asked(client, queue, {"model_id": "writer", "image": jpeg, "stream": True})
    if begun:
        queue.tell(job.id, "text", input=0, text="a")
        (await sending).close()
    else:
        sending.cancel()
    for _ in range(2000):
        if job.id not in queue.records:
            return
        await asyncio.sleep(0.01)
    pytest.fail("The job goes on.")


async def test_trocr_tells_too_and_others_do_not(
    client: TestClient, queue: MemoryQueue, fleet: MemoryFleet, jpeg: dict
) -> None:
    queue.work = lambda *_: {"task": "ocr", "result": "LINE"}
    fleet.fleet.models |= {name: model(name, "ocr", ["w1"]) for name in ("trocr/small", "doctr/default")}
    body = {"image": jpeg, "trocr_version_id": "small", "stream": True}
    sending = asyncio.ensure_future(client.post("/ocr/trocr", json=body))
    job = await taken(queue)
    queue.tell(job.id, "text", input=0, text="LINE")
    queue.finish(job)
    names = {name: data async for name, data in told(await sending)}
    assert names["text"] == {"input": 0, "text": "LINE"}
    assert {**names["result"], "time": 0} == {"result": "LINE", "time": 0, "parent_id": None}
    other = await client.post("/doctr/ocr", json=body)
    assert other.content_type == "application/json"


async def test_the_document_says_so(client: TestClient) -> None:
    document = await (await client.get("/openapi.json")).json()
    for path, there in (("/infer/lmm", True), ("/ocr/trocr", True), ("/doctr/ocr", False)):
        content = document["paths"][path]["post"]["responses"]["200"]["content"]
        assert (EVENTS in content) is there
