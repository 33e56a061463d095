"""API keys: make, list, revoke. The calls need a key with the scope ``admin`` where the server asks for keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from visionfleet import wire
from visionfleet.core import Core
from visionfleet.fleet import read_list, read_one
from visionfleet.method import method
from visionfleet.steps import Flow

KEYS = "/v1/keys"


@dataclass(frozen=True)
class ApiKey:
    """One API key. ``key`` is the key itself, there only in the answer that made it."""

    id: str
    name: str = ""
    state: str = ""
    scopes: list[str] = field(default_factory=list)
    owner: str = ""
    models: list[str] = field(default_factory=list)
    limits: dict[str, Any] = field(default_factory=dict)
    created: str = ""
    expires: str | None = None
    revoked: str | None = None
    usage: dict[str, Any] | None = None
    key: str | None = field(default=None, repr=False)


def create(  # noqa: PLR0913 - the fields of a key
    core: Core,
    name: str,
    scopes: Sequence[str],
    *,
    owner: str = "",
    expires_in: float | None = None,
    models: Sequence[str] = (),
    limits: dict[str, Any] | None = None,
) -> Flow[ApiKey]:
    """Make a key. Scopes: infer, jobs, models, streams, admin. Limits: rate, burst, concurrency, queue_share.

    It works for ``expires_in`` seconds, for ever when not given. ``models`` are patterns of the ids it may use.
    """
    body: dict[str, Any] = {"name": name, "scopes": list(scopes), "models": list(models), "limits": limits or {}}
    body |= {"owner": owner} if owner else {}
    body |= {} if expires_in is None else {"expires_in": expires_in}
    return read_one(ApiKey, (yield from core.fetch(wire.Call("POST", KEYS, json=body, repeatable=False))))


def list_keys(core: Core) -> Flow[list[ApiKey]]:
    """All keys, revoked and expired ones too, oldest first, without the keys themselves."""
    return read_list(ApiKey, (yield from core.fetch(wire.Call("GET", KEYS))).get("keys"))


def get(core: Core, key_id: str) -> Flow[ApiKey]:
    """One key and its ``usage``: requests, refused, last_used. Raises NotFound."""
    return read_one(ApiKey, (yield from core.fetch(wire.Call("GET", f"{KEYS}/{wire.quoted(key_id)}"))))


def revoke(core: Core, key_id: str) -> Flow[ApiKey]:
    """End a key; within a second no part of the server takes it. Raises NotFound."""
    return read_one(ApiKey, (yield from core.fetch(wire.Call("POST", f"{KEYS}/{wire.quoted(key_id)}/revoke"))))


class Keys:
    """Reached as ``client.keys``."""

    create = method(create)
    list = method(list_keys)
    get = method(get)
    revoke = method(revoke)
