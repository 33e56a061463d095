"""The fleet's state as dataclasses, and as msgpack in Redis. Fields that a newer peer adds are ignored."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, TypeVar

from shared.codec import DecodeError, pack, unpack

S = TypeVar("S", "WorkerInfo", "ModelInfo")


@dataclass
class WorkerInfo:
    """One worker's heartbeat. Times are ms since the epoch by Redis's clock, sizes bytes, ``rate`` images per second,
    ``rates`` jobs per second by model, both over the last ten seconds.

    ``capacity`` is how many images a model run takes, ``runs`` how many runs go on at a time.

    ``held`` lists the models in its cache: {id, digest, bytes, pinned}. ``counters`` only grow: per model, images,
    failures, batches, the ms spent in each phase, and what the cache did; ``reasons`` counts failures by error code,
    ``histograms`` are states of shared/metrics/histogram.py. ``recent`` are counts of the last ten seconds, ``speeds``
    jobs per second while the worker has any of the model, ``pending`` the jobs that it has now.
    """

    id: str
    hardware: str
    host: str
    pid: int
    version: str
    started_ms: int
    seen_ms: int = 0
    state: Literal["starting", "ready", "draining"] = "starting"
    capacity: int = 0
    runs: int = 1
    threads: int = 0
    providers: list[str] = field(default_factory=list)
    held: list[dict[str, Any]] = field(default_factory=list)
    running: int = 0
    prepared: int = 0
    jobs: int = 0
    failures: int = 0
    rate: float = 0.0
    rates: dict[str, float] = field(default_factory=dict)
    rss_bytes: int = 0
    counters: dict[str, dict[str, float]] = field(default_factory=dict)
    reasons: dict[str, dict[str, int]] = field(default_factory=dict)
    histograms: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    recent: dict[str, dict[str, float]] = field(default_factory=dict)
    speeds: dict[str, float] = field(default_factory=dict)
    pending: dict[str, int] = field(default_factory=dict)

    @property
    def life(self) -> str:
        """This run of the worker."""
        return life_of(self.id, self.started_ms)


@dataclass
class ModelInfo:
    """A model that workers can serve, as its manifest says. ``hardware`` are the tags that it may run on.

    Pose models name their ``keypoints``; ``skeleton`` are the pairs of them that are joined.

    ``available_on`` and ``loaded_on`` are filled in by the reader: tags with live workers, and ids of the workers that
    hold it in their cache.
    """

    id: str
    task: str
    family: str
    labels: list[str] = field(default_factory=list)
    input_width: int | None = None
    input_height: int | None = None
    batch_size: int | None = None
    hardware: list[str] = field(default_factory=list)
    digest: str = ""
    aliases: list[str] = field(default_factory=list)
    thresholds: dict[str, float] = field(default_factory=dict)
    description: str = ""
    keypoints: list[str] = field(default_factory=list)
    skeleton: list[list[int]] = field(default_factory=list)
    available_on: list[str] = field(default_factory=list)
    loaded_on: list[str] = field(default_factory=list)


@dataclass
class QueueInfo:
    """One job stream: jobs waiting and running, bytes held, age in ms of the oldest that waits; ``stalled`` are those
    of the running whose worker was lost.

    ``rate`` is the jobs per second of this model that the workers which take from the queue finish, over all lanes.
    """

    hardware: str
    lane: str
    model: str
    waiting: int
    running: int
    bytes: int
    oldest_ms: int
    rate: float = 0.0
    stalled: int = 0


@dataclass
class Fleet:
    """Everything at one moment. ``active`` are the ids and aliases that the registry lists; ``speeds`` are, by hardware
    tag and model, the jobs per second of the worker that served it last, which may be gone.
    """

    workers: list[WorkerInfo] = field(default_factory=list)
    models: dict[str, ModelInfo] = field(default_factory=dict)
    queues: list[QueueInfo] = field(default_factory=list)
    active: set[str] = field(default_factory=set)
    speeds: dict[str, dict[str, float]] = field(default_factory=dict)

    def resolve(self, name: str) -> ModelInfo | None:
        """The model of that id or alias."""
        if name in self.models:
            return self.models[name]
        return next((model for model in self.models.values() if name in model.aliases), None)

    def serves(self, hardware: str) -> bool:
        """Whether a live worker takes jobs with this tag."""
        return any(worker.state != "draining" and hardware in ("any", worker.hardware) for worker in self.workers)


def life_of(worker_id: str, started_ms: int) -> str:
    """One run of a worker; its id alone may come back after a crash."""
    return f"{worker_id}@{started_ms}"


def encode(state: WorkerInfo | ModelInfo) -> bytes:
    """The msgpack map of a worker or a model."""
    return pack(asdict(state))


def decode(cls: type[S], data: bytes) -> S:
    """The worker or model that ``encode`` wrote. Raises DecodeError."""
    values = unpack(data)
    if not isinstance(values, Mapping):
        raise DecodeError(f"a {cls.__name__} is a map")
    names = {f.name for f in fields(cls)}
    try:
        return cls(**{name: value for name, value in values.items() if name in names})
    except TypeError as error:
        raise DecodeError(f"a {cls.__name__} lacks fields") from error


def decoded(cls: type[S], values: Iterable[bytes | None]) -> list[S]:
    """Those of the values that can be read: a forged or newer record must not blind us to the others."""
    found: list[S] = []
    for value in values:
        with contextlib.suppress(DecodeError):
            if value is not None:
                found.append(decode(cls, value))
    return found
