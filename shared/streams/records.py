"""Streams and stream services as Redis holds them -> dataclasses."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from shared.codec import DecodeError, unpack
from shared.streams.spec import Desired, ModelSpec, PipelineSpec, SourceSpec, State


@dataclass
class Stream:
    """One stream. Times are ms since the epoch by Redis's clock.

    ``owner`` is the stream service that runs it, ``tenant`` whose it is. ``status`` is the last report of its owner:
    ``sources`` by id, ``sinks``, ``error``.
    """

    id: str
    spec: PipelineSpec
    desired: Desired
    version: int
    epoch: int
    owner: str
    until_ms: int
    created_ms: int
    tenant: str = ""
    over: str = ""
    restarts: int = 0
    now_ms: int = 0
    status: dict[str, Any] = field(default_factory=dict)

    @property
    def owned(self) -> bool:
        """Whether a live stream service runs it."""
        return bool(self.owner) and self.until_ms > self.now_ms

    @property
    def state(self) -> State:
        """What it does now: ``pending`` while no stream service has it."""
        if self.over:
            return "failed" if self.over == "failed" else "ended"
        if not self.owned:
            return "pending"
        if self.desired in ("paused", "muted"):
            return "paused" if self.desired == "paused" else "muted"
        return "running"

    @property
    def health(self) -> str:
        """``ok``, ``starting``, ``degraded`` (some sources do not deliver), ``down`` (none does); else the state."""
        if self.state != "running":
            return self.state
        states = [source.get("state") for source in self.status.get("sources", {}).values()]
        if not states or all(state == "connecting" for state in states):
            return "starting"
        good = sum(state in ("running", "ended") for state in states)
        return "ok" if states and good == len(states) else "degraded" if good else "down"

    def shown(self) -> dict[str, Any]:
        """As the API answers, without credentials, and without what is for /metrics only."""
        reports = self.status.get("sources", {})
        sources = {one: {k: v for k, v in row.items() if k != "age_histogram"} for one, row in reports.items()}
        return {
            "id": self.id,
            "name": self.spec.name,
            "state": self.state,
            "health": self.health,
            "desired": self.desired,
            "version": self.version,
            "epoch": self.epoch,
            "owner": self.owner if self.owned else None,
            "created_ms": self.created_ms,
            "spec": self.spec.shown(),
            "status": {**self.status, "sources": sources},
        }


@dataclass
class Streamer:
    """One stream service: what it holds and may hold."""

    id: str
    host: str = ""
    pid: int = 0
    pipelines: int = 0
    sources: int = 0
    max_sources: int = 0
    keys: list[str] = field(default_factory=list)
    """Of the cameras that it has open; who opens the same shares them."""
    sessions: list[dict[str, Any]] = field(default_factory=list)
    """Its WebRTC sessions, see ``session_from``."""

    @property
    def room(self) -> int:
        """Sources that it may still open."""
        return max(0, self.max_sources - self.sources)


def stream_from(stream_id: str, fields: dict[bytes, bytes], status: bytes | None, now_ms: int) -> Stream | None:
    """The stream, or None when the record is gone, was terminated, or cannot be read."""
    text = {name.decode(): value.decode(errors="replace") for name, value in fields.items()}
    if text.get("desired") in (None, "terminated"):
        return None
    try:
        spec = PipelineSpec.model_validate_json(text["spec"])
    except (KeyError, ValidationError):
        return None
    stream = Stream(
        id=stream_id,
        spec=spec,
        desired=text["desired"],  # type: ignore[arg-type] # written by our scripts only
        version=int(text.get("version", 0)),
        epoch=int(text.get("epoch", 0)),
        owner=text.get("owner", ""),
        until_ms=int(text.get("until", 0)),
        created_ms=int(text.get("created_ms", 0)),
        tenant=text.get("tenant", ""),
        over=text.get("over", ""),
        restarts=int(text.get("restarts", 0)),
        now_ms=now_ms,
    )
    stream.status = mapping(status)
    return stream


def session_from(streamer: str, row: dict[str, Any]) -> Stream | None:
    """A WebRTC session of a stream service, as a stream; None when it cannot be read.

    ``row``: id, tenant, created_ms, model ("" for a workflow), source (its id), reference (as it may be shown), report.
    """
    try:
        source = SourceSpec(id=row["source"], reference=row["reference"])
        model = ModelSpec(model_id=row["model"]) if row["model"] else None
        return Stream(
            id=str(row["id"]),
            spec=PipelineSpec(sources=[source], model=model, sinks=[]),
            desired="running",
            version=0,
            epoch=0,
            owner=streamer,
            until_ms=1,  # it is there for as long as its service says so
            created_ms=int(row["created_ms"]),
            tenant=str(row["tenant"]),
            status={"sources": {source.id: row["report"]}, "sinks": []},
        )
    except (KeyError, TypeError, ValueError):
        return None


def streamer_from(replica: str, packed: bytes | None) -> Streamer | None:
    """The stream service that wrote this, or None when it is silent."""
    values = mapping(packed)
    if not values:
        return None
    known = {name: values[name] for name in Streamer.__dataclass_fields__ if name in values}
    return Streamer(**{**known, "id": replica})


def mapping(packed: bytes | None) -> dict[str, Any]:
    """The packed map, empty when it is none."""
    with contextlib.suppress(DecodeError):
        value = unpack(packed) if packed else {}
        return value if isinstance(value, dict) else {}
    return {}
