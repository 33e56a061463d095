"""Webhooks: the secrets that sign them, the ledger of their deliveries. ``visionfleet.verify_webhook`` checks one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from visionfleet import wire
from visionfleet.api.paging import Listing, entries
from visionfleet.core import Core
from visionfleet.fleet import read_list, read_one
from visionfleet.method import method, stream
from visionfleet.steps import Flow, Stream

SECRETS = "/v1/webhooks/secrets"
DELIVERIES = "/v1/webhooks/deliveries"


@dataclass(frozen=True)
class WebhookSecret:
    """A set of signing keys under one id. Each key tells ``kind``, ``public_key``, ``created`` and ``expires``, and,
    only in the answer that made it, its ``secret``."""

    id: str
    name: str = ""
    created: str = ""
    keys: list[dict[str, Any]] = field(default_factory=list, repr=False)


@dataclass(frozen=True)
class Delivery:
    """One webhook under way to its receiver. ``state``: pending, delivered, failed or disabled (it answered 410)."""

    id: str
    job: str
    type: str
    url: str
    state: str
    attempts: int = 0
    secret_id: str = ""
    created: str = ""
    due: str | None = None
    log: list[dict[str, Any]] = field(default_factory=list)


def secrets(core: Core) -> Flow[list[WebhookSecret]]:
    """All secrets, without their keys; ``default`` signs for jobs that named none."""
    return read_list(WebhookSecret, (yield from core.fetch(wire.Call("GET", SECRETS))).get("secrets"))


def create_secret(
    core: Core, name: str = "", kinds: Sequence[str] = ("hmac",), secret: str | None = None
) -> Flow[WebhookSecret]:
    """Make a secret with a key of each kind (``hmac``, ``ed25519``) or a key of yours. Keys are shown this once."""
    body = _wanted(name, kinds, secret)
    return read_one(WebhookSecret, (yield from core.fetch(wire.Call("POST", SECRETS, json=body, repeatable=False))))


def rotate_secret(
    core: Core, secret_id: str, kinds: Sequence[str] = ("hmac",), secret: str | None = None, overlap: float = 86_400
) -> Flow[WebhookSecret]:
    """Give a secret new keys; the former ones sign too for ``overlap`` seconds."""
    body = {**_wanted("", kinds, secret), "overlap": overlap}
    call = wire.Call("POST", f"{SECRETS}/{wire.quoted(secret_id)}/rotate", json=body, repeatable=False)
    return read_one(WebhookSecret, (yield from core.fetch(call)))


def delete_secret(core: Core, secret_id: str) -> Flow[None]:
    """Forget a secret."""
    yield from core.send(wire.Call("DELETE", f"{SECRETS}/{wire.quoted(secret_id)}", repeatable=False))


def deliveries(core: Core, /, limit: int = 50, **filters: str) -> Stream[Delivery]:
    """The ledger, newest first. Filters: ``state``, ``job``, ``event``."""
    yield from entries(core, LEDGER, limit, filters)


def delivery(core: Core, delivery_id: str) -> Flow[Delivery]:
    """One delivery with its attempts."""
    return _delivery((yield from core.fetch(wire.Call("GET", f"{DELIVERIES}/{wire.quoted(delivery_id)}"))))


def replay(core: Core, delivery_id: str) -> Flow[Delivery]:
    """Send a delivery again, now."""
    call = wire.Call("POST", f"{DELIVERIES}/{wire.quoted(delivery_id)}/replay", repeatable=False)
    return _delivery((yield from core.fetch(call)))


def _wanted(name: str, kinds: Sequence[str], secret: str | None) -> dict[str, Any]:
    return {"name": name, "kinds": list(kinds), **({} if secret is None else {"secret": secret})}


def _delivery(body: Mapping[str, Any]) -> Delivery:
    return read_one(Delivery, body)


LEDGER = Listing(DELIVERIES, "deliveries", _delivery, cursor="next")


class Webhooks:
    """Reached as ``client.webhooks``."""

    secrets = method(secrets)
    create_secret = method(create_secret)
    rotate_secret = method(rotate_secret)
    delete_secret = method(delete_secret)
    deliveries = stream(deliveries)
    delivery = method(delivery)
    replay = method(replay)
