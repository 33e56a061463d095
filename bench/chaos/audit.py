"""After the last fault: what has become of everything."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, TypeVar

import redis

from bench.chaos.clients import AGAIN_S, TERMINAL, Clients, look, order, poll, submit
from bench.chaos.fleet import Fleet
from bench.chaos.history import History, by_job, of
from bench.chaos.web import Broken
from shared import keys

T = TypeVar("T")
AT_ONCE = 16
ROLL_S = 15.0
FAR_S = 20.0
ROLL_BRIGHTNESS = 150


async def probe(clients: Clients, fault: str) -> None:
    """How long until the next job ends well: one that is asked for now, and one synchronous call."""
    history, began = clients.history, clients.history.now()
    seconds = None
    while history.now() - began < 60:
        wanted = order(clients, "probe", brightness=40, key="")
        wanted.body["priority"] = "live"
        job = await submit(clients, wanted)
        if job and await poll(clients, job, 60 - (history.now() - began)) == "succeeded" and await _called(clients):
            seconds = round(history.now() - began, 3)
            break
        await asyncio.sleep(AGAIN_S)
    history.note("recovered", fault=fault, seconds=seconds)


async def _called(clients: Clients) -> bool:
    _, picture = clients.picture(40)
    with contextlib.suppress(Broken):
        return (await clients.ask("", "POST", "/infer/classification", json={"model_id": "dial", "image": picture})).ok
    return False


async def roll_call(fleet: Fleet, clients: Clients) -> None:
    """Each worker that says that it is ready must run one of the jobs that are now given out."""
    names = await _until(lambda: fleet.ready(clients.api), 30, lambda found: len(found) == len(fleet.workers))
    counts = dict.fromkeys([worker.name for worker in fleet.workers], 0)
    deadline = time.monotonic() + ROLL_S
    while time.monotonic() < deadline and not all(counts[name] for name in names):
        orders = [order(clients, "roll", brightness=ROLL_BRIGHTNESS, key="") for _ in range(8 * len(counts))]
        jobs = [job for job in await asyncio.gather(*(submit(clients, wanted) for wanted in orders)) if job]
        await asyncio.gather(*(poll(clients, job, 20) for job in jobs))
        for job in jobs:
            with contextlib.suppress(Broken):
                answer = await clients.api.ask("GET", f"/v1/jobs/{job}")
                if answer.body["state"] == "succeeded":
                    counts[answer.body["worker"]] += 1
    for name, count in counts.items():
        clients.history.note("roll", worker=name, jobs=count, ready=name in (names or []))


async def audit(fleet: Fleet, clients: Clients, quiet_s: float) -> None:
    """List, wait, look, and count what is left."""
    listed = await _listed(clients)
    jobs = sorted({*listed, *(event.job for event in of(clients.history.events, "accepted"))})
    deadline = clients.history.now() + quiet_s
    limit = asyncio.Semaphore(AT_ONCE)

    async def settle(job: str) -> None:
        async with limit:
            await _over(clients, job, deadline)
            await _story(clients, job)

    await asyncio.gather(*map(settle, jobs))
    await asyncio.gather(*(_batch(clients, event.job, deadline) for event in of(clients.history.events, "batch")))
    for job, metadata in listed.items():
        clients.history.note("listed", job, **{name: metadata.get(name, "") for name in ("op", "kind", "key")})
    clients.receivers.relent()
    await _webhooks(clients, deadline)
    _leftovers(fleet, clients.history)


async def _listed(clients: Clients) -> dict[str, dict[str, str]]:
    """Metadata of every job that the server knows of, without those of batches, which have none."""
    found: dict[str, dict[str, str]] = {}
    cursor = ""
    while True:
        query = {"limit": "200", "cursor": cursor}
        answer = await _until(lambda: clients.api.ask("GET", "/v1/jobs", params=query), 30, lambda got: got.ok)  # noqa: B023
        found |= {job["id"]: job["metadata"] for job in answer.body["jobs"] if "op" in job["metadata"]}
        cursor = answer.body["cursor"] or ""
        if not cursor:
            return found


async def _over(clients: Clients, job: str, deadline: float) -> None:
    """Look at the job until it is over, on both replicas by chance; at least once."""
    while True:
        with contextlib.suppress(Broken):
            if await look(clients, job, 2) in TERMINAL:
                return
        if clients.history.now() > deadline:
            return
        await asyncio.sleep(AGAIN_S)


async def _batch(clients: Clients, batch: str, deadline: float) -> None:
    """Wait for the batch's end, and read its results."""
    state = ""
    while state not in TERMINAL and clients.history.now() < deadline:
        with contextlib.suppress(Broken):
            answer = await clients.api.ask("GET", f"/v1/batches/{batch}")
            state = answer.body["state"] if answer.ok else "unknown"
        await asyncio.sleep(AGAIN_S)
    lines = [json.loads(line) for line in (await clients.api.text(f"/v1/batches/{batch}/results")).splitlines()]
    seen = [[line["index"], line["output"]["top"] if line["output"] else None] for line in lines]
    clients.history.note("batch_end", batch, state=state, seen=seen)


async def _story(clients: Clients, job: str) -> None:
    """The job's events, of which the last says that it is finished."""
    for _ in range(20):
        with contextlib.suppress(Broken):
            text = await clients.api.text(f"/v1/jobs/{job}/events")
            clients.history.note("story", job, events=_events(text, clients.history))
            return
        await asyncio.sleep(AGAIN_S)


def _events(text: str, history: History) -> list[list[Any]]:
    """[seconds, name, data] of each server-sent event; an event's id begins with Redis's time in ms."""
    found: list[list[Any]] = []
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line and not line.startswith(":"))
        if "event" in lines:
            at = history.of_wall(int(lines["id"].split("-")[0]))
            found.append([round(at, 3), lines["event"], json.loads(lines["data"])])
    return found


def expected(history: History) -> set[tuple[str, str]]:
    """(job, event) that some receiver must have heard of; terminal states as the jobs ended."""
    found: set[tuple[str, str]] = set()
    for job, events in by_job(history.events).items():
        hooked = [event for event in of(events, "accepted") if event.data["hook"]]
        stories = of(events, "story")
        if not hooked or not stories:
            continue
        wanted = hooked[0].data["events"] or sorted(TERMINAL)
        for _, name, data in stories[-1].data["events"]:
            event = data.get("state") if name == "finished" else name
            if event in wanted:
                found.add((job, event))
    return found


async def _webhooks(clients: Clients, deadline: float) -> None:
    """Wait for the webhooks; what waits for a later attempt is sent now."""
    wanted = expected(clients.history)
    while clients.history.now() < deadline + 30:
        heard = {(event.job, event.data["event"]) for event in _delivered(clients.history)}
        missing = wanted - heard
        if not missing:
            return
        for job, name in missing:
            with contextlib.suppress(Broken):
                await _hurry(clients, f"/v1/webhooks/deliveries/msg_{job}_{name}")
        await asyncio.sleep(2)


async def _hurry(clients: Clients, path: str) -> None:
    """Replay a delivery whose next attempt is far away. One that is due, or that nobody will send, is left alone."""
    answer = await clients.api.ask("GET", path)
    due = answer.body.get("due") if answer.ok else None
    if due and datetime.fromisoformat(due).timestamp() - time.time() > FAR_S:
        await clients.api.ask("POST", f"{path}/replay")


def _delivered(history: History) -> list[Any]:
    return [event for event in of(history.events, "hook") if event.data["status"] == 200]


def _leftovers(fleet: Fleet, history: History) -> None:
    """Nothing may be left in the queues, and no byte of it."""
    with redis.Redis(port=fleet.redis.port) as client:
        for stream in client.smembers(keys.QUEUES):
            history.note("left", where=stream.decode(), count=client.xlen(stream))
        history.note("left", where="bytes", count=int(client.hget(keys.BYTES, "all") or 0))
        history.note("left", where="outbox", count=client.xlen(keys.WEBHOOK_OUTBOX))


async def _until(ask: Callable[[], Awaitable[T]], seconds: float, good: Callable[[T], bool]) -> T:
    """Ask until the answer is good; the last answer. Raises Broken when there never was one."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            answer = await ask()
            if good(answer) or time.monotonic() > deadline:
                return answer
        except Broken:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(AGAIN_S)
