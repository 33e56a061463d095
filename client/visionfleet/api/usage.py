"""The account of use: jobs, images and seconds by day, key and model. Needs a key with the scope ``admin``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from visionfleet import wire
from visionfleet.core import Core
from visionfleet.fleet import read_list
from visionfleet.steps import Flow

GROUPS = ("day", "key", "model")


@dataclass(frozen=True)
class Usage:
    """One row; None is what the rows are not grouped by. ``key`` "" is without a key."""

    day: str | None = None
    key: str | None = None
    name: str | None = None
    model: str | None = None
    jobs: int = 0
    failed: int = 0
    images: int = 0
    infer_s: float = 0.0


def read(
    core: Core,
    since: str | None = None,
    until: str | None = None,
    *,
    key: str | None = None,
    model: str | None = None,
    by: Sequence[str] = GROUPS,
) -> Flow[list[Usage]]:
    """What was used from ``since`` to ``until`` (days like 2026-11-01, UTC), the last 30 days when not given."""
    given = {"since": since, "until": until, "key": key, "model": model}
    query: dict[str, Any] = {"by": ",".join(by), **{name: value for name, value in given.items() if value is not None}}
    return read_list(Usage, (yield from core.fetch(wire.Call("GET", "/v1/usage", query=query))).get("usage"))
