"""One delivery of one webhook, as the ledger holds it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from shared.codec import DecodeError, unpack
from shared.errors import NotFound
from shared.webhooks.schedule import State

LOG_LENGTH = 20
"""Attempts that a delivery remembers; replays add to the ten of the schedule."""


class DeliveryNotFound(NotFound):
    """There is no delivery with this id: none was made, or its retention is over."""

    code = "delivery_not_found"


@dataclass(frozen=True)
class Delivery:
    """A webhook on its way. Times are ms since the epoch; ``due_ms`` is when it is sent next, None when it has ended.

    ``log`` has one entry per attempt: {at_ms, ms (until the answer), status, error}.
    """

    id: str
    job: str
    event: str
    at_ms: int
    url: str
    state: State
    attempts: int
    created_ms: int
    secret_id: str = ""
    mode: str = "thin"
    body: bytes = b""
    due_ms: int | None = None
    log: list[dict[str, Any]] = field(default_factory=list)
    claim: str = ""


def delivery_from(delivery_id: str, flat: list[bytes] | dict[bytes, bytes], due_ms: float | None = None) -> Delivery:
    """The delivery of a hash in Redis. Raises DeliveryNotFound when the hash is empty."""
    fields = flat if isinstance(flat, dict) else dict(zip(flat[::2], flat[1::2], strict=True))
    if b"url" not in fields:
        raise DeliveryNotFound("There is no webhook delivery with this id, or it ended too long ago to be kept.")
    text = {name.decode(): value.decode() for name, value in fields.items() if name not in (b"body", b"log")}
    return Delivery(
        id=delivery_id,
        job=text["job"],
        event=text["event"],
        at_ms=int(float(text["at_ms"])),
        url=text["url"],
        state=cast("State", text["state"]),
        attempts=int(text["attempts"]),
        created_ms=int(text["created_ms"]),
        secret_id=text.get("secret_id", ""),
        mode=text.get("mode", "thin"),
        body=fields.get(b"body", b""),
        due_ms=None if due_ms is None else int(due_ms),
        log=_log(fields.get(b"log")),
        claim=text.get("claim", ""),
    )


def _log(packed: bytes | None) -> list[dict[str, Any]]:
    try:
        value = unpack(packed) if packed else []
    except DecodeError:
        return []
    return value if isinstance(value, list) else []
