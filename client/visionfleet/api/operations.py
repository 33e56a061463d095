"""What an operator looks after: the fleet, queues and dead letters."""

from __future__ import annotations

from typing import Any

from visionfleet import wire
from visionfleet.api.paging import Listing, entries
from visionfleet.api.usage import read as read_usage
from visionfleet.core import Core
from visionfleet.fleet import Fleet, QueueInfo, read_fleet, read_list, read_one
from visionfleet.jobs import DeadLetter, Job, read_job
from visionfleet.method import method, stream
from visionfleet.steps import Flow, Stream

LETTERS = Listing("/v1/dead-letters", "dead_letters", lambda entry: read_one(DeadLetter, entry))


def fleet(core: Core) -> Flow[Fleet]:
    """Workers, models and queues as they are now."""
    return read_fleet((yield from core.fetch(wire.Call("GET", "/v1/fleet"))))


def queues(core: Core) -> Flow[tuple[list[QueueInfo], int]]:
    """Every queue, and how many dead letters there are."""
    body = yield from core.fetch(wire.Call("GET", "/v1/queues"))
    return read_list(QueueInfo, body.get("queues")), int(body.get("dead_letters", 0))


def info(core: Core) -> Flow[dict[str, Any]]:
    """Name and version of the server."""
    return (yield from core.fetch(wire.Call("GET", "/info")))


def check_ready(core: Core) -> Flow[None]:
    """Return when a worker is ready to answer. Raises Unavailable, saying what is missing."""
    yield from core.send(wire.Call("GET", "/readiness"))


def letters(core: Core, limit: int = 50) -> Stream[DeadLetter]:
    """Jobs that lost every worker that took them, newest first."""
    yield from entries(core, LETTERS, limit, {})


def letter(core: Core, letter_id: str) -> Flow[dict[str, Any]]:
    """What the job was, without its images."""
    return (yield from core.fetch(wire.Call("GET", f"/v1/dead-letters/{wire.quoted(letter_id)}")))


def retry(core: Core, letter_id: str) -> Flow[Job]:
    """Run a dead letter again; the new job. The letter is gone by that."""
    call = wire.Call("POST", f"/v1/dead-letters/{wire.quoted(letter_id)}/retry", repeatable=False)
    return read_job((yield from core.fetch(call)))


def drop(core: Core, letter_id: str) -> Flow[None]:
    """Throw one away."""
    yield from core.send(wire.Call("DELETE", f"/v1/dead-letters/{wire.quoted(letter_id)}", repeatable=False))


def purge(core: Core) -> Flow[int]:
    """Throw all away. Returns how many."""
    body = yield from core.fetch(wire.Call("DELETE", "/v1/dead-letters", repeatable=False))
    return int(body.get("purged", 0))


class Operations:
    """The operations that stand on the client itself."""

    fleet = method(fleet)
    queues = method(queues)
    info = method(info)
    check_ready = method(check_ready)
    usage = method(read_usage)


class DeadLetters:
    """Reached as ``client.dead_letters``."""

    list = stream(letters)
    get = method(letter)
    retry = method(retry)
    drop = method(drop)
    purge = method(purge)
