"""One job on its way through this worker, and its images."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any

from shared import keys, tracing
from shared.errors import DeadlineExceeded, VisionfleetError
from shared.jobs import JobResult, State
from shared.queue.consumer import Taken
from worker_service.engine.family import AnyModel, Prepared


def clock_ms() -> float:
    """Monotonic milliseconds."""
    return time.monotonic() * 1000


def state_of(error: dict[str, Any]) -> State:
    """The terminal state of a job that ended with this error."""
    return "expired" if error["code"] == DeadlineExceeded.code else "failed"


@dataclass(eq=False)
class Work:
    """A job, the model that runs it, and what has come out so far. Timings keep the slowest image of each phase;
    ``marks`` are all of them, {phase, end by ``clock_ms``, ms}, when traces are made.
    """

    taken: Taken
    model: AnyModel
    digest: str
    params: Any
    outputs: list[dict[str, Any] | None]
    started: float = field(default_factory=clock_ms)
    timings: dict[str, float] = field(default_factory=dict)
    batch: int = 0
    marks: list[tuple[str, float, float]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def live(self) -> bool:
        """Whether somebody waits for the answer on an open connection, or a camera for the next frame."""
        return self.taken.job.lane == keys.LANES[0]

    @property
    def abandoned(self) -> bool:
        """Another worker has the job now, or it was canceled: our answer would not count."""
        return self.taken.lost

    @property
    def names(self) -> dict[str, str]:
        """What a log line calls it: job, model, and the submission's request id and traceparent."""
        return {"job": self.taken.job.id, "model": self.model.manifest.id, **self.taken.job.trace}

    @property
    def expired(self) -> bool:
        """Its time is over; the image need not be decoded or run any more."""
        return self.taken.waited_ms + (clock_ms() - self.started) > self.taken.job.timeout_ms

    def note(self, phase: str, ms: float, ended: float | None = None) -> None:
        """Record the time of one image's phase, which ended now, or then by ``clock_ms``."""
        with self._lock:
            self.timings[phase] = max(self.timings.get(phase, 0.0), ms)
            if tracing.enabled():
                self.marks.append((phase.removesuffix("_ms"), clock_ms() if ended is None else ended, ms))

    def ran(self, ms: float, batch: int) -> None:
        """One image ran, with others in a batch of so many, and took so much of its time."""
        with self._lock:
            self.taken.infer_ms += ms
            self.batch = max(self.batch, batch)

    def settle(self, index: int, outcome: dict[str, Any]) -> bool:
        """Store one image's outcome; True when it was the last."""
        with self._lock:
            self.outputs[index] = outcome
            self.taken.done += 1
            return None not in self.outputs

    def result(self, worker: str, hardware: str) -> JobResult:
        """The job's result: failed (or expired) when every image failed, with the first image's error."""
        outputs = [outcome for outcome in self.outputs if outcome is not None]
        errors = [outcome["error"] for outcome in outputs if "error" in outcome]
        error = errors[0] if errors and len(errors) == len(outputs) else None
        waited = float(self.taken.waited_ms)
        return JobResult(
            id=self.taken.job.id,
            state="succeeded" if error is None else state_of(error),
            outputs=outputs,
            error=error,
            timings={"queue_ms": waited, **self.timings, "total_ms": waited + clock_ms() - self.started},
            batch=self.batch,
            attempt=self.taken.attempt,
            worker=worker,
            hardware=hardware,
            model={"id": self.model.manifest.id, "digest": self.digest},
        )


@dataclass(eq=False)
class Item:
    """One image of a job."""

    work: Work
    index: int
    prepared: Prepared | None = None

    def fail(self, error: VisionfleetError) -> bool:
        """End this image with an error; True when it was the job's last."""
        return self.work.settle(self.index, {"error": error.to_dict()})
