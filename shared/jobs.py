"""The job, its result and its record: what travels between the services.

States: queued -> running -> succeeded | failed | canceled | expired. Terminal states never change.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from shared.errors import DeadlineExceeded, JobCanceled, VisionfleetError, from_dict
from shared.ids import uuid_hex

VERSION = 1
State = Literal["queued", "running", "succeeded", "failed", "canceled", "expired"]
Kind = Literal["infer", "load", "workflow"]
Media = Literal["image", "text", "embedding"]
TERMINAL_STATES: frozenset[str] = frozenset({"succeeded", "failed", "canceled", "expired"})


def new_id() -> str:
    """A random job id: 32 hex digits."""
    return uuid_hex()


@dataclass
class Job:
    """Work for one model or one workflow; ``timeout_ms`` counts from acceptance.

    ``inputs`` are encoded images, texts in UTF-8, or embeddings (.npy files, or empty for what the model remembers), as
    ``media`` says.

    ``folder`` is where an asynchronous job has its blobs, if there is a store for them; the images whose indexes are in
    ``outside`` lie there and are empty here.

    ``owner`` is whose it is when API keys are in use: it decides who may see the job, and whose quota it takes.

    ``key`` is the id of the API key that it was sent with, under which it is counted.

    ``extra`` keeps fields that a newer peer sent, so that they survive a pass through an older one.
    """

    model: str
    inputs: list[bytes] = field(default_factory=list)
    id: str = field(default_factory=new_id)
    kind: Kind = "infer"
    media: Media = "image"
    task: str | None = None
    params: dict[str, Any] = field(default_factory=dict)
    hardware: str = "any"
    lane: str = "live"
    timeout_ms: int = 60_000
    metadata: dict[str, Any] = field(default_factory=dict)
    trace: dict[str, str] = field(default_factory=dict)
    folder: str = ""
    outside: list[int] = field(default_factory=list)
    owner: str = ""
    key: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes of its images, which is what it costs Redis to hold it."""
        return sum(map(len, self.inputs))


@dataclass(frozen=True)
class Terms:
    """What the caller of an asynchronous job asks for beside its run. None takes the setting.

    ``idempotency_key`` and ``fingerprint`` (hex, of the request) go together. ``webhook`` is {url, events, secret_id}.
    """

    start_timeout_ms: int = 0
    result_ttl_ms: int | None = None
    input_ttl_ms: int | None = None
    webhook: dict[str, Any] | None = None
    idempotency_key: str = ""
    fingerprint: str = ""


class JobEvent(NamedTuple):
    """One event in the story of an asynchronous job: queued, started, progress or finished."""

    id: str
    name: str
    data: dict[str, Any]


@dataclass
class JobResult:
    """How a job ended.

    ``outputs`` has one entry per input: ``{"output": {...}}`` or ``{"error": {...}}``. ``error`` is set when the job as
    a whole failed. Timings are milliseconds: queue, decode, preprocess, infer, post, total.
    """

    id: str
    state: State
    outputs: list[dict[str, Any]] = field(default_factory=list)
    error: dict[str, Any] | None = None
    timings: dict[str, float] = field(default_factory=dict)
    batch: int = 0
    attempt: int = 0
    worker: str = ""
    hardware: str = ""
    model: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)

    def raise_for_error(self) -> None:
        """Raise the error that ended the job, if one did."""
        if self.error is not None:
            raise from_dict(self.error)

    @classmethod
    def failed(cls, job_id: str, error: VisionfleetError) -> JobResult:
        """The result of a job that ended before any worker made one."""
        state: State = "failed"
        if isinstance(error, DeadlineExceeded):
            state = "expired"
        elif isinstance(error, JobCanceled):
            state = "canceled"
        return cls(id=job_id, state=state, error=error.to_dict())


@dataclass
class JobRecord:
    """What the system remembers of an asynchronous job. Times are milliseconds since the epoch, by Redis's clock.

    ``position`` counts the jobs of its queue that go before it, itself included, while it waits. ``images_done`` of
    ``images`` is how far a running job is.
    """

    id: str
    state: State
    model: str
    hardware: str
    lane: str
    created_ms: int
    started_ms: int | None = None
    finished_ms: int | None = None
    attempt: int = 0
    worker: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    result: JobResult | None = None
    expires_ms: int | None = None
    position: int | None = None
    images: int = 0
    images_done: int = 0
    webhook: dict[str, Any] | None = None
    trace: dict[str, str] = field(default_factory=dict)
    owner: str = ""

    @property
    def done(self) -> bool:
        """Whether the state is terminal."""
        return self.state in TERMINAL_STATES
