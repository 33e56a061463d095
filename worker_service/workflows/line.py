"""Workflow runs beside the inference pipeline: taken from streams of their own, leased and ended by the same rules."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import structlog

from shared import keys, tracing
from shared.errors import DeadlineExceeded, JobCanceled, VisionfleetError
from shared.jobs import JobResult
from shared.queue.consumer import QueueConsumer, Taken
from shared.usage.use import Use, summed, use_of
from shared.workflows.errors import of_job
from worker_service.consumer import spans
from worker_service.consumer.counters import Counters
from worker_service.consumer.intake import Intake, streams_of
from worker_service.consumer.scout import Every
from worker_service.consumer.space import Room

log = structlog.get_logger(__name__)
LATE = DeadlineExceeded("The workflow was not finished within its time limit; raise its timeout or add workers.")
GONE = JobCanceled("The run was canceled, or another worker has taken it over.")
BROKEN = VisionfleetError("The workflow failed; the worker's log says why.")


@dataclass(eq=False)
class Begun:
    """One run in this worker. ``after`` may wait until its answer has gone out, ``uses`` is what its steps used."""

    taken: Taken
    started: float = field(default_factory=time.monotonic)
    timings: dict[str, float] = field(default_factory=dict)
    after: list[Callable[[], Any]] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)
    span: tracing.Span | None = None

    @property
    def trace(self) -> dict[str, str]:
        """What its steps take part in."""
        trace = self.taken.job.trace
        return trace if self.span is None else {**trace, "traceparent": self.span.traceparent}

    @property
    def left_ms(self) -> int:
        """Milliseconds until its time is over."""
        spent = self.taken.waited_ms + (time.monotonic() - self.started) * 1000
        return int(self.taken.job.timeout_ms - spent)

    def proceed(self) -> None:
        """Raises DeadlineExceeded or JobCanceled when the run should not go on."""
        if self.taken.lost:
            raise GONE
        if self.left_ms <= 0:
            raise LATE


Finish: TypeAlias = Callable[[Sequence[tuple[Taken, JobResult]]], None]
Work: TypeAlias = Callable[[Begun], dict[str, Any]]


class Limits(NamedTuple):
    """How many runs at the same time, and how long a lease of theirs holds."""

    runs: int
    lease_s: float


class WorkflowLine:
    """Takes as many runs as it has threads. Start it, stop it."""

    def __init__(
        self,
        queue: QueueConsumer,
        work: Work,
        finish: Finish,
        identity: tuple[str, str],
        limits: Limits,
        counters: Counters,
    ) -> None:
        self._queue, self._work, self._finish = queue, work, finish
        self._counters = counters
        self._identity, self._runs = identity, limits.runs
        self._in_flight: dict[Taken, Begun] = {}
        self._changed = threading.Condition()
        self._pool = ThreadPoolExecutor(limits.runs, "workflow")
        self._intake = Intake(queue, self, lambda: [keys.WORKFLOW_QUEUE], identity[1])
        self._renewal = Every("renew_workflows", limits.lease_s / 4, lambda: queue.renew(self.held))
        self._takeover = Every("take_over_workflows", limits.lease_s / 8, self._take_over)

    def start(self) -> None:
        """Begin to take runs."""
        self._renewal.start()
        self._intake.start()
        self._takeover.start()

    def stop(self, timeout_s: float) -> bool:
        """Take no more, and wait for those begun. True when none is left."""
        self._takeover.stop()
        self._intake.stop()
        with self._changed:
            drained = self._changed.wait_for(lambda: not self._in_flight, timeout_s)
        self._pool.shutdown(wait=drained, cancel_futures=True)
        self._renewal.stop()
        return drained

    @property
    def held(self) -> list[Taken]:
        """Every run that is in here."""
        with self._changed:
            return list(self._in_flight)

    def room(self, timeout_s: float) -> Room:
        """How many more runs may be taken now; waits up to ``timeout_s`` for any."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._in_flight) < self._runs, timeout_s)
            free = self._runs - len(self._in_flight)
            return Room(free, free)

    def pause(self, known: Room, timeout_s: float) -> bool:
        """Wait up to ``timeout_s`` for more room; whether there is."""
        with self._changed:
            return self._changed.wait_for(lambda: self._runs - len(self._in_flight) > max(known), timeout_s)

    def accept(self, taken: Taken) -> None:
        """Start a run."""
        begun = Begun(taken)
        with self._changed:
            self._in_flight[taken] = begun
        self._counters.begin(keys.WORKFLOW_QUEUE)
        self._pool.submit(self._run, begun)

    def _take_over(self) -> None:
        last_chances = 0 if any(map(self._queue.on_last_chance, self.held)) else 1
        streams = streams_of([keys.WORKFLOW_QUEUE], self._identity[1])
        for taken in self._queue.takeover(streams, last_chances=last_chances):
            log.info("workflow.taken_over", job=taken.job.id, attempt=taken.attempt)
            self.accept(taken)

    def _run(self, begun: Begun) -> None:
        taken = begun.taken
        parent = tracing.of(taken.job.trace)
        if parent and tracing.enabled():
            parent = spans.queued(taken.job, parent, tracing.ago_ns(0), taken.waited_ms)
            begun.span = tracing.begin("worker", parent, "consumer", spans.attributes(taken.job))
        try:
            begun.proceed()
            result = JobResult(taken.job.id, "succeeded", outputs=[{"output": self._work(begun)}])
        except VisionfleetError as error:
            # Who runs a definition by its own route reads the shape of workflows' errors.
            result = JobResult.failed(taken.job.id, of_job(error) if taken.recorded else error)
        except Exception:
            log.exception("workflow.failed", job=taken.job.id, **taken.job.trace)
            result = JobResult.failed(taken.job.id, BROKEN)
        result.attempt, (result.worker, result.hardware) = taken.attempt, self._identity
        waited = float(taken.waited_ms)
        total = waited + (time.monotonic() - begun.started) * 1000
        result.timings = {"queue_ms": waited, **begun.timings, "total_ms": total}
        self._count(result)
        if begun.span is not None:
            begun.span.end(error="" if result.error is None else str(result.error["code"]))
            spans.follow(result, taken, begun.span.traceparent)
        if taken.recorded:
            log.info(
                "workflow.finished", job=taken.job.id, state=result.state, attempt=taken.attempt, **taken.job.trace
            )
        taken.uses = summed([*begun.uses, *use_of(taken.job, result, 0.0)])
        try:
            self._finish([(taken, result)])
        except Exception:
            log.exception("result.unwritable", job=taken.job.id)
        finally:
            self._clean_up(begun)

    def _count(self, result: JobResult) -> None:
        counters, model = self._counters, keys.WORKFLOW_QUEUE
        waited = result.timings["queue_ms"]
        counters.add(model, jobs=1, failures=float(result.error is not None), queue_ms=waited)
        counters.observe(model, "queue_seconds", waited / 1000)
        counters.observe(model, "request_seconds", result.timings["total_ms"] / 1000)
        if result.error is not None:
            counters.fail(model, result.error["code"])

    def _clean_up(self, begun: Begun) -> None:
        for later in begun.after:
            try:
                later()
            except Exception:
                log.exception("background_sink.failed", job=begun.taken.job.id)
        with self._changed:
            self._in_flight.pop(begun.taken, None)
            self._changed.notify_all()
        self._counters.end(keys.WORKFLOW_QUEUE)
