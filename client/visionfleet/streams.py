"""Video streams as the server tells of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class StreamInfo:
    """A stream as it was when it was asked for.

    Attributes:
        state: pending, running, muted, paused, ended or failed.
        health: ``ok``, ``degraded`` (some sources do not deliver), ``down`` (none does); else the state.
        spec: what was asked for, without credentials.
        status: the last report: ``sources`` by id, ``sinks``.
        probe: what opening each source showed; only in the answer that made the stream.
    """

    id: str
    name: str = ""
    state: str = "pending"
    health: str = "pending"
    desired: str = "running"
    version: int = 0
    epoch: int = 0
    owner: str | None = None
    created_ms: int = 0
    spec: dict[str, Any] = field(default_factory=dict)
    status: dict[str, Any] = field(default_factory=dict)
    probe: dict[str, Any] = field(default_factory=dict)

    @property
    def over(self) -> bool:
        """Whether it will give no more results by itself."""
        return self.state in ("ended", "failed")

    @property
    def sources(self) -> list[SourceInfo]:
        """How each source is, in the order of the specification."""
        reports = self.status.get("sources") or {}
        wanted = [(str(one.get("id", "")), str(one.get("reference", ""))) for one in self.spec.get("sources") or ()]
        return [SourceInfo(source_id, shown, reports.get(source_id) or {}) for source_id, shown in wanted]


@dataclass(frozen=True)
class SourceInfo:
    """One source of a stream; ``report`` is all that the stream service tells of it."""

    id: str
    reference: str
    report: Mapping[str, Any]

    @property
    def state(self) -> str:
        """connecting, running, reconnecting, stalled, paused, ended or failed."""
        return str(self.report.get("state", "pending"))

    @property
    def fps_in(self) -> float:
        """Frames per second that arrive."""
        return float(self.report.get("fps") or 0)

    @property
    def fps_out(self) -> float:
        """Results per second."""
        return float(self.report.get("fps_out") or 0)

    @property
    def age_ms(self) -> Mapping[str, float]:
        """Milliseconds from a frame's arrival to its result, over the last ten seconds: p50, p95, p99."""
        return dict(self.report.get("age_ms") or {})

    @property
    def counts(self) -> Mapping[str, int]:
        """Frames ``received`` and ``ok``, and those left out by cause."""
        return dict(self.report.get("counts") or {})

    @property
    def dropped(self) -> Mapping[str, int]:
        """Frames left out, by cause."""
        return {name: count for name, count in self.counts.items() if name not in ("received", "ok") and count}

    @property
    def error(self) -> str:
        """What is wrong with it, if something is."""
        return str((self.report.get("error") or {}).get("message", ""))


@dataclass(frozen=True)
class StreamResult:
    """What one frame yielded. ``output`` is a model's answer, or a workflow's outputs by name.

    ``cause`` is "" for a result, else why there is none: ``expired``, ``model_failed`` and others.
    """

    source_id: str
    frame_id: int
    output: dict[str, Any]
    cause: str = ""
    age_ms: float = 0.0
    raw: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def predictions(self) -> list[dict[str, Any]]:
        """The objects found by a model."""
        found = self.output.get("predictions")
        return list(found) if isinstance(found, list) else []

    @property
    def source_index(self) -> int:
        """Place of the source in the specification."""
        return int(self.raw.get("source_index") or 0)

    @property
    def timestamp(self) -> str:
        """When the frame arrived, UTC, ISO 8601."""
        return str(self.raw.get("frame_timestamp", ""))


def read_result(body: Mapping[str, Any]) -> StreamResult:
    """A result as the server wrote it."""
    output = body.get("output")
    return StreamResult(
        source_id=str(body.get("source_id", "")),
        frame_id=int(body.get("frame_id") or 0),
        output=output if isinstance(output, dict) else {},
        cause=str(body.get("cause") or ""),
        age_ms=float(body.get("age_ms") or 0),
        raw=dict(body),
    )
