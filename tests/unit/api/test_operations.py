"""Queues and dead letters over HTTP."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import TestClient

from shared.jobs import Job
from tests.unit.api.fakes import CREATED_MS, MemoryDeadLetters, MemoryFleet, MemoryQueue


@pytest.fixture
def letter(dead: MemoryDeadLetters) -> str:
    job = Job("shapes-detector", [b"abc", b"d"], timeout_ms=5, params={"confidence": 0.5}, metadata={"a": "b"})
    dead.letters[f"{CREATED_MS}-0"] = job
    return f"{CREATED_MS}-0"


async def test_queues(client: TestClient, fleet: MemoryFleet, letter: str) -> None:
    body = await (await client.get("/v1/queues")).json()
    assert body["dead_letters"] == 1
    assert body["queues"][0] == {
        "hardware": "any",
        "lane": "live",
        "model": "shapes-detector",
        "waiting": 2,
        "running": 1,
        "stalled": 0,
        "bytes": 1000,
        "oldest_ms": 1500,
        "rate": 4.0,
        "backlog_s": 2.0,
    }
    fleet.fleet.queues[0].stalled = 1
    (worker,) = fleet.fleet.workers
    worker.speeds = {"shapes-detector": 6.0}
    assert (await (await client.get("/v1/queues")).json())["queues"][0]["backlog_s"] == 0.5, "as in /metrics"
    fleet.fleet.queues[0].waiting = fleet.fleet.queues[0].stalled = 0
    assert (await (await client.get("/v1/queues")).json())["queues"][0]["backlog_s"] == 0


async def test_dead_letters_are_listed_in_pages(client: TestClient, dead: MemoryDeadLetters, letter: str) -> None:
    dead.letters[f"{CREATED_MS}-1"] = Job("other", [b"x"])
    first = await (await client.get("/v1/dead-letters", params={"limit": "1"})).json()
    assert (first["dead_letters"][0]["model"], first["cursor"]) == ("other", f"{CREATED_MS}-1")
    rest = await (await client.get("/v1/dead-letters", params={"cursor": first["cursor"]})).json()
    assert rest["cursor"] is None
    assert rest["dead_letters"][0] == {
        "id": letter,
        "job": dead.letters[letter].id,
        "model": "shapes-detector",
        "hardware": "any",
        "lane": "live",
        "attempts": 3,
        "bytes": 4,
        "buried": "2023-11-14T22:13:20.000+00:00",
    }


async def test_a_dead_letter_is_shown_without_its_images(client: TestClient, letter: str) -> None:
    body = await (await client.get(f"/v1/dead-letters/{letter}")).json()
    assert (body["images"], body["params"], body["metadata"]) == ([3, 1], {"confidence": 0.5}, {"a": "b"})


async def test_a_dead_letter_runs_again_once(
    client: TestClient, dead: MemoryDeadLetters, queue: MemoryQueue, letter: str
) -> None:
    queue.held = True
    old = dead.letters[letter]
    answer = await client.post(f"/v1/dead-letters/{letter}/retry")
    assert answer.status == 202
    assert (await answer.json())["id"] != old.id
    assert (queue.seen[0].inputs, queue.seen[0].timeout_ms) == ([b"abc", b"d"], 60_000)
    assert dead.letters == {}
    assert (await client.post(f"/v1/dead-letters/{letter}/retry")).status == 404


async def test_drop_and_purge(client: TestClient, dead: MemoryDeadLetters, letter: str) -> None:
    assert (await client.delete(f"/v1/dead-letters/{letter}")).status == 204
    assert (await client.delete(f"/v1/dead-letters/{letter}")).status == 404
    dead.letters[letter] = Job("m", [b"x"])
    assert await (await client.delete("/v1/dead-letters")).json() == {"purged": 1}
    assert dead.letters == {}


@pytest.mark.parametrize("letter_id", ["nothing", "1", "+", "-", "1-2-3"])
async def test_unknown_letters(client: TestClient, letter_id: str) -> None:
    answer = await client.get(f"/v1/dead-letters/{letter_id}")
    assert answer.status == 404
    assert (await answer.json(content_type="application/problem+json"))["code"] == "letter_not_found"
