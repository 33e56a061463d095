"""What clients do, one function for each way of using the API. Each picture's right answer is its colour."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import random
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp

from bench.chaos.history import History
from bench.chaos.receivers import KINDS, Receivers
from bench.chaos.web import Answer, Api, Broken, Hung
from tests.integration import dial_model as dial

TERMINAL = frozenset({"succeeded", "failed", "canceled", "expired"})
AGAIN_S = 0.3
BRIGHTNESS = ((dial.INSTANT, 70), (130, 25), (dial.SLOW, 3))
"""Turns of the model's loop and how often: next to nothing, about 50 ms, about 1 s."""


@dataclass
class Clients:
    """What the clients share."""

    api: Api
    history: History
    receivers: Receivers
    chance: random.Random

    def picture(self, brightness: int = 0) -> tuple[str, dict[str, str]]:
        """A colour and its picture."""
        colour = self.chance.choice(dial.COLOURS)
        values, weights = zip(*BRIGHTNESS, strict=True)
        png = dial.picture(colour, brightness or self.chance.choices(values, weights)[0])
        return colour, {"type": "base64", "value": base64.b64encode(png).decode()}

    async def ask(self, op: str, method: str, path: str, **request: Any) -> Answer:
        """One request, noted when it hangs. Raises Broken."""
        try:
            return await self.api.ask(method, path, **request)
        except Hung:
            self.history.note("hung", op=op, path=f"{method} {path}")
            raise


@dataclass
class Order:
    """A job to be submitted."""

    kind: str
    op: str
    body: dict[str, Any]
    key: str = ""


async def sync(clients: Clients) -> None:
    """A picture, and the answer at once."""
    op = uuid.uuid4().hex
    colour, picture = clients.picture()
    body = {"model_id": "dial", "image": picture}
    try:
        answer = await clients.ask(op, "POST", "/infer/classification", json=body)
    except Broken as broken:
        clients.history.note("unknown", op=op, kind="sync", error=str(broken))
        return
    right = not answer.ok or answer.body["top"] == colour
    clients.history.note("answer", op=op, status=answer.status, code=answer.code, right=right)


async def polled(clients: Clients) -> None:
    """Submit, then ask until it is over."""
    if job := await submit(clients, order(clients, "polled")):
        await poll(clients, job)


async def images(clients: Clients) -> None:
    """A job of several pictures."""
    wanted = order(clients, "images", images=clients.chance.randint(2, 6))
    if job := await submit(clients, wanted):
        await poll(clients, job)


async def webhook(clients: Clients) -> None:
    """Submit and leave the rest to a webhook."""
    receiver = clients.chance.choices(KINDS, (5, 2, 2, 1))[0]
    events = ["started", *sorted(TERMINAL)] if clients.chance.random() < 0.3 else []
    wanted = order(clients, "webhook")
    wanted.body["webhook"] = {"url": clients.receivers.url(receiver), "events": events}
    await submit(clients, wanted)


async def cancel(clients: Clients) -> None:
    """Submit and think better of it. The model takes its time, so that some are canceled while they run."""
    wanted = order(clients, "cancel", brightness=clients.chance.choice([dial.INSTANT, 140, 155]))
    wanted.body["webhook"] = {"url": clients.receivers.url("good"), "events": []}
    job = await submit(clients, wanted)
    if not job:
        return
    await asyncio.sleep(clients.chance.choice([0, 0.05, 0.2, 1]))
    for _ in range(100):
        with contextlib.suppress(Broken):
            answer = await clients.ask(wanted.op, "POST", f"/v1/jobs/{job}/cancel")
            state = answer.body["state"] if answer.ok else ""
            clients.history.note("cancel", job, status=answer.status, state=state)
            if answer.status < 500:
                break
        await asyncio.sleep(AGAIN_S)
    await poll(clients, job)
    with contextlib.suppress(Broken):
        answer = await clients.ask(wanted.op, "GET", f"/v1/jobs/{job}/result")
        clients.history.note("result", job, status=answer.status)


async def twins(clients: Clients) -> None:
    """Two clients send the same request with the same key, at the same time; now and then another body, too."""
    wanted = order(clients, "twins", key=uuid.uuid4().hex)
    jobs = await asyncio.gather(submit(clients, wanted), submit(clients, wanted))
    if clients.chance.random() < 0.3 and any(jobs):
        other = Order("twins-other", wanted.op, wanted.body | {"priority": "bulk"}, wanted.key)
        await submit(clients, other)
    if jobs[0]:
        await poll(clients, jobs[0])


async def batch(clients: Clients) -> None:
    """Many pictures behind one request; the audit looks at what came of it."""
    op = uuid.uuid4().hex
    colours = [clients.chance.choice(dial.COLOURS) for _ in range(clients.chance.randint(5, 40))]
    form = aiohttp.FormData()
    form.add_field("batch", json.dumps({"model": "dial", "metadata": {"op": op}}))
    for number, colour in enumerate(colours):
        form.add_field("image", dial.picture(colour), filename=f"{number}.png", content_type="image/png")
    try:
        answer = await clients.ask(op, "POST", "/v1/batches", data=form)
    except Broken as broken:
        clients.history.note("unknown", op=op, kind="batch", error=str(broken))
        return
    if answer.ok:
        clients.history.note("batch", answer.body["id"], op=op, colours=colours)
    else:
        clients.history.note("refused", op=op, kind="batch", status=answer.status, code=answer.code)


def order(clients: Clients, kind: str, *, images: int = 1, brightness: int = 0, key: str = "") -> Order:
    """A job whose metadata says what it is for, so that the audit can tell whose it is."""
    op = uuid.uuid4().hex
    key = key or (uuid.uuid4().hex if clients.chance.random() < 0.5 else "")
    made = [clients.picture(brightness) for _ in range(images)]
    metadata = {"op": op, "kind": kind, "key": key, "colours": " ".join(colour for colour, _ in made)}
    body = {"model": "dial", "image": [picture for _, picture in made], "metadata": metadata}
    return Order(kind, op, body, key)


async def submit(clients: Clients, wanted: Order) -> str:
    """The job's id once it is accepted; with a key it is sent until there is an answer. "" when it is refused."""
    history, hook = clients.history, wanted.body.get("webhook")
    told = {"hook": hook["url"].rpartition("/")[2], "events": hook["events"]} if hook else {"hook": "", "events": []}
    headers = {"Idempotency-Key": wanted.key} if wanted.key else {}
    history.note("submit", op=wanted.op, kind=wanted.kind, key=wanted.key)
    for _ in range(200):
        try:
            answer = await clients.ask(wanted.op, "POST", "/v1/jobs", json=wanted.body, headers=headers)
        except Broken as broken:
            history.note("unknown", op=wanted.op, kind=wanted.kind, error=str(broken))
            if not wanted.key:
                return ""
        else:
            if answer.ok:
                job = str(answer.body["id"])
                history.note("accepted", job, op=wanted.op, kind=wanted.kind, key=wanted.key, **told)
                return job
            history.note("refused", op=wanted.op, kind=wanted.kind, status=answer.status, code=answer.code)
            if answer.status < 500:
                return ""
        await asyncio.sleep(AGAIN_S)
    return ""


async def poll(clients: Clients, job: str, seconds: float = 90) -> str:
    """Look until the job is over; its terminal state, or "" when it is not over in time."""
    deadline = clients.history.now() + seconds
    while clients.history.now() < deadline:
        wait = clients.chance.choice([0, 2, 5])
        with contextlib.suppress(Broken):
            state = await look(clients, job, wait)
            if state in TERMINAL:
                return state
        await asyncio.sleep(AGAIN_S)
    return ""


async def look(clients: Clients, job: str, wait: float = 0) -> str:
    """One GET of the job, noted. Raises Broken."""
    since = clients.history.now()
    answer = await clients.ask(job, "GET", f"/v1/jobs/{job}", params={"wait": str(wait)})
    if answer.status == 404:
        clients.history.note("gone", job, since=since)
    if not answer.ok:
        return ""
    body = answer.body
    code = str((body["error"] or {}).get("code", ""))
    seen = [output["output"]["top"] for output in body["outputs"] if output.get("output")]
    right = body["state"] != "succeeded" or seen == body["metadata"].get("colours", "").split()
    clients.history.note("state", job, state=body["state"], since=since, code=code, outputs=len(seen), right=right)
    return str(body["state"])


Kind = Callable[[Clients], Awaitable[None]]
KINDS_OF_CLIENTS: dict[Kind, int] = {sync: 6, polled: 4, webhook: 3, cancel: 3, twins: 3, images: 1, batch: 1}


async def load(clients: Clients, rate: float, most: int, stopping: asyncio.Event) -> None:
    """Begin ``rate`` operations per second, whatever becomes of them, but no more than ``most`` at a time."""
    running: set[asyncio.Task[None]] = set()
    kinds, weights = list(KINDS_OF_CLIENTS), list(KINDS_OF_CLIENTS.values())
    while not stopping.is_set():
        if len(running) < most:
            (kind,) = clients.chance.choices(kinds, weights)
            task = asyncio.ensure_future(kind(clients))
            running.add(task)
            task.add_done_callback(running.discard)
        await asyncio.sleep(clients.chance.expovariate(rate))
    for outcome in await asyncio.gather(*running, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
