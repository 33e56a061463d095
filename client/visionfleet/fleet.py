"""What the server tells about models, workers and queues. Fields that a newer server adds are ignored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from visionfleet.errors import BadAnswer

T = TypeVar("T")


@dataclass(frozen=True)
class ModelInfo:
    """A model that can be asked for. ``hardware`` are the tags it may run on, ``available_on`` those that live now."""

    id: str
    task: str
    family: str = ""
    labels: list[str] = field(default_factory=list)
    input_width: int | None = None
    input_height: int | None = None
    hardware: list[str] = field(default_factory=list)
    digest: str = ""
    aliases: list[str] = field(default_factory=list)
    thresholds: dict[str, float] = field(default_factory=dict)
    description: str = ""
    keypoints: list[str] = field(default_factory=list)
    skeleton: list[list[int]] = field(default_factory=list)
    available_on: list[str] = field(default_factory=list)
    loaded_on: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class WorkerInfo:
    """One worker's last heartbeat. Times are ms since the epoch, sizes bytes, ``rate`` images per second."""

    id: str
    hardware: str
    host: str = ""
    pid: int = 0
    state: str = ""
    started_ms: int = 0
    seen_ms: int = 0
    threads: int = 0
    providers: list[str] = field(default_factory=list)
    held: list[dict[str, Any]] = field(default_factory=list)
    running: int = 0
    jobs: int = 0
    failures: int = 0
    rate: float = 0.0
    rss_bytes: int = 0


@dataclass(frozen=True)
class QueueInfo:
    """One queue: jobs waiting and running, bytes held, age in ms of the oldest that waits.

    ``rate`` is the jobs per second that workers finished of this model lately, ``backlog_s`` the seconds until what
    waits is done by all of them; None where the server does not tell.
    """

    hardware: str
    lane: str
    model: str
    waiting: int = 0
    running: int = 0
    bytes: int = 0
    oldest_ms: int = 0
    rate: float = 0.0
    backlog_s: float | None = None


@dataclass(frozen=True)
class Fleet:
    """Everything at one moment."""

    workers: list[WorkerInfo]
    models: list[ModelInfo]
    queues: list[QueueInfo]
    raw: Mapping[str, Any] = field(repr=False)


def read_fleet(body: Mapping[str, Any]) -> Fleet:
    """The answer of ``/v1/fleet``. Raises BadAnswer."""
    return Fleet(
        workers=read_list(WorkerInfo, body.get("workers")),
        models=read_models(body),
        queues=read_list(QueueInfo, body.get("queues")),
        raw=body,
    )


def read_models(body: Mapping[str, Any]) -> list[ModelInfo]:
    """The models of ``/v1/models`` or ``/v1/fleet``. Raises BadAnswer."""
    return read_list(ModelInfo, body.get("models"))


def read_list(kind: type[T], items: Iterable[Mapping[str, Any]] | None) -> list[T]:
    """Dictionaries as dataclasses. Raises BadAnswer when one lacks a field."""
    return [read_one(kind, item) for item in items or ()]


def read_one(kind: type[T], item: Mapping[str, Any]) -> T:
    """A dictionary as a dataclass. Raises BadAnswer when it lacks a field."""
    names = {f.name for f in fields(kind)}  # type: ignore[arg-type]  # every kind here is a dataclass
    try:
        return kind(**{name: value for name, value in item.items() if name in names})
    except (TypeError, AttributeError) as error:
        raise BadAnswer(f"The answer holds a broken {kind.__name__}.") from error
