"""Asynchronous jobs: what is asked for, and what the server tells about them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from visionfleet.errors import BadAnswer, VisionfleetError, from_dict
from visionfleet.results import Result, parse

TERMINAL_STATES = frozenset({"succeeded", "failed", "canceled", "expired"})


@dataclass(frozen=True)
class JobOptions:
    """How a job is to be run.

    Attributes:
        hardware: tag of the worker pool, or ``any``.
        priority: lane of the queue.
        timeout: seconds after which the job expires; None takes the server's figure.
        allow_pending: accept the job even when no live worker can run it now.
        metadata: the caller's own; given back unchanged.
        input_ttl: seconds to keep the images after the job's end, so that it can be retried.
        idempotency_key: the same key with the same job is one job, however often it is sent; made anew when empty.
        start_timeout: seconds by which a worker must have begun, else the job expires without having run.
        result_ttl: seconds that the result is kept after the end.
        webhook: ``url``, and if wanted ``events``, ``secret_id`` and ``mode``; see docs/webhooks.md.
    """

    hardware: str = "any"
    priority: Literal["live", "normal", "bulk"] = "normal"
    timeout: float | None = None
    allow_pending: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)
    input_ttl: float | None = None
    idempotency_key: str = ""
    start_timeout: float | None = None
    result_ttl: float | None = None
    webhook: Mapping[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """The fields as the server reads them."""
        given: dict[str, Any] = {"hardware": self.hardware, "priority": self.priority}
        if self.timeout is not None:
            given["timeout"] = self.timeout
        if self.input_ttl is not None:
            given["input_ttl"] = self.input_ttl
        for name in ("start_timeout", "result_ttl"):
            if getattr(self, name) is not None:
                given[name] = getattr(self, name)
        if self.webhook is not None:
            given["webhook"] = dict(self.webhook)
        return {**given, "allow_pending": self.allow_pending, "metadata": dict(self.metadata)}

    def for_image(self, name: str) -> JobOptions:
        """The same for one image of many: each has a key of its own, which another run makes again."""
        if not self.idempotency_key:
            return self
        digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:32]
        return replace(self, idempotency_key=f"{self.idempotency_key}-{digest}")


@dataclass(frozen=True)
class Job:
    """A job as it was when the server was asked. Times are ISO 8601 in UTC, None while they have not come.

    Attributes:
        outputs: one per image, once the job is done: its result, or the error that this image met.
        error: why the job as a whole failed.
        timings: milliseconds per phase.
        batch: images in the model run that it took part in.
        raw: the server's answer.
    """

    id: str
    state: str
    model: str
    created: str | None
    started: str | None
    finished: str | None
    worker: str | None
    outputs: tuple[Result | VisionfleetError, ...]
    error: VisionfleetError | None
    timings: Mapping[str, float]
    batch: int | None
    raw: Mapping[str, Any] = field(repr=False)

    @property
    def done(self) -> bool:
        """Whether it has ended, one way or another."""
        return self.state in TERMINAL_STATES

    def results(self) -> list[Result]:
        """The results, in the order of the images. Raises the job's error, or the first image's."""
        if self.error is not None:
            raise self.error
        for output in self.outputs:
            if isinstance(output, VisionfleetError):
                raise output
        return [output for output in self.outputs if isinstance(output, Result)]


@dataclass(frozen=True)
class JobEvent:
    """Something that happened to a job: ``queued``, ``started``, ``progress`` or ``finished``."""

    id: str
    name: str
    data: Mapping[str, Any]


@dataclass(frozen=True)
class DeadLetter:
    """A job that lost every worker that took it. ``job`` is its id, ``buried`` ISO 8601 in UTC."""

    id: str
    job: str
    model: str
    hardware: str = ""
    lane: str = ""
    attempts: int = 0
    bytes: int = 0
    buried: str = ""


def read_job(body: Mapping[str, Any]) -> Job:
    """The server's answer as a ``Job``. Raises BadAnswer."""
    try:
        model, timings = str(body["model"]["id"]), body.get("timings") or {}
        return Job(
            id=str(body["id"]),
            state=str(body["state"]),
            model=model,
            created=body.get("created"),
            started=body.get("started"),
            finished=body.get("finished"),
            worker=body.get("worker"),
            outputs=tuple(_output(model, output, timings) for output in body.get("outputs") or ()),
            error=from_dict(body["error"]) if body.get("error") else None,
            timings=timings,
            batch=body.get("batch"),
            raw=body,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise BadAnswer("The answer is no job.") from error


def _output(model: str, output: Mapping[str, Any], timings: Mapping[str, float]) -> Result | VisionfleetError:
    if output.get("error"):
        return from_dict(output["error"])
    answer = output["output"]
    return parse(str(answer.get("task", "")), model, answer, timings)
