"""The asynchronous client: the same operations, awaited."""

from __future__ import annotations

import asyncio
import inspect
import time

import pytest
from visionfleet import AsyncClient, Client, Detections
from visionfleet.errors import ModelNotFound, QueueFull
from visionfleet.method import Async, Sync

from tests.unit.client.answers import DETECTIONS, OUTPUT, job
from tests.unit.client.fake_server import Answer, Asked, FakeServer

INFER = "/infer/object_detection"


async def test_infer_and_retry(waiting: AsyncClient, server: FakeServer) -> None:
    server.answer(INFER, Answer({"message": "Full.", "code": "queue_full"}, 503), Answer(DETECTIONS))
    found = await waiting.infer(b"picture", "shapes", confidence=0.5)
    assert isinstance(found, Detections)
    assert [asked.json["confidence"] for asked in server.to(INFER)] == [0.5, 0.5]
    server.answer(INFER, Answer({"message": "Full.", "code": "queue_full"}, 503))
    with pytest.raises(QueueFull):
        await waiting.infer(b"picture", "shapes")


async def test_a_list_runs_side_by_side_in_order(waiting: AsyncClient, server: FakeServer) -> None:
    def slow(asked: Asked) -> Answer:
        return Answer({**DETECTIONS, "image": {"width": len(asked.body), "height": 1}})

    server.routes[INFER] = slow
    images = [b"x" * (3 * length) for length in range(1, 12)]
    found = await waiting.infer(images, "shapes")
    widths = [one.image.width for one in found]
    assert widths == sorted(widths)
    assert len(set(widths)) == 11


async def test_jobs(waiting: AsyncClient, server: FakeServer) -> None:
    server.answer("/v1/jobs", Answer(job("queued"), 202))
    server.answer("/v1/jobs/j1", Answer(job("running")), Answer(job("succeeded", outputs=[OUTPUT])))
    accepted = await waiting.jobs.submit([b"one"], "shapes")
    assert (await waiting.jobs.wait(accepted, 100)).results()[0].model == "shapes"
    server.answer("/v1/jobs", Answer({"jobs": [{**job("queued"), "id": "a"}], "cursor": None}))
    assert [one.id async for one in waiting.jobs.list(state="queued")] == ["a"]


async def test_the_loop_goes_on_meanwhile(waiting: AsyncClient, server: FakeServer) -> None:
    def slow(_: Asked) -> Answer:
        time.sleep(0.3)
        return Answer(DETECTIONS)

    server.routes[INFER] = slow
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0.01)
            turns += 1

    ticking = asyncio.create_task(turn())
    await waiting.infer(b"picture", "shapes")
    ticking.cancel()
    assert turns >= 5


async def test_errors_pass_through(waiting: AsyncClient, server: FakeServer) -> None:
    server.answer(INFER, Answer({"message": "No such model.", "code": "model_not_found"}, 404))
    with pytest.raises(ModelNotFound, match="No such model"):
        await waiting.infer(b"picture", "nope")
    with pytest.raises(ModelNotFound):
        async for _ in waiting.map([b"one", b"two"], "nope"):
            pass
    assert len(server.to(INFER)) == 2


async def test_leaving_a_map_early_ends_what_runs(waiting: AsyncClient) -> None:
    before = asyncio.all_tasks()
    predictions = waiting.map([b"x"] * 50, "shapes")
    async for _ in predictions:
        break
    await predictions.aclose()  # type: ignore[attr-defined]
    assert asyncio.all_tasks() == before


def groups(client: type[Client | AsyncClient]) -> dict[str, set[str]]:
    made = client("http://localhost:1")
    parts = {"": made, **{name: part for name, part in vars(made).items() if isinstance(part, (Sync, Async))}}
    return {name: {one for one in dir(part) if not one.startswith("_")} for name, part in parts.items()}


def test_both_clients_can_do_the_same_and_say_so() -> None:
    assert groups(Client) == groups(AsyncClient)
    made = Client("http://localhost:1")
    for group in (made, made.jobs, made.batches, made.models, made.webhooks, made.dead_letters):
        for name in dir(type(group)):
            if not name.startswith("_") and callable(getattr(group, name)):
                assert len(inspect.getdoc(getattr(group, name)) or "") > 10, name
