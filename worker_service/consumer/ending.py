"""How jobs end: their images' outcomes come together, and results that are ready together are written together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import structlog

from shared.errors import InferenceFailed, VisionfleetError
from shared.jobs import JobResult
from shared.queue.consumer import Taken
from worker_service.consumer import spans
from worker_service.consumer.counters import Counters
from worker_service.consumer.inprocess import InProcess
from worker_service.consumer.space import Space
from worker_service.consumer.work import Item, Work, clock_ms

log = structlog.get_logger(__name__)
Finish = Callable[[Sequence[tuple[Taken, JobResult]]], None]
Outcome = tuple[Item, dict[str, Any]]
BROKEN = InferenceFailed("The model failed on this image; the worker's log says why.")


class Ending:
    """Hands results to ``finish``. Every method may be called from several threads.

    Whoever ends a job writes its result, and what others end meanwhile; they do not wait. ``post`` is a thread for
    work on answers beside runs.
    """

    def __init__(self, finish: Finish, space: Space, counters: Counters, identity: tuple[str, str]) -> None:
        self.post = ThreadPoolExecutor(1, "post")
        self._finish, self._space, self._counters, self._identity = finish, space, counters, identity
        self._ended: list[tuple[Taken, JobResult]] = []
        self._writing = False
        self._lock = threading.Lock()

    def settle(self, outcomes: Sequence[Outcome]) -> None:
        """Images are done, well or not. Jobs whose last one is among them end."""
        ended = [item.work for item, outcome in outcomes if item.work.settle(item.index, outcome)]
        for item, outcome in outcomes:
            model = item.work.model.manifest.id
            self._counters.add(model, images=1, failures=float("error" in outcome))
            if "error" in outcome:
                self._counters.fail(model, outcome["error"]["code"])
        for work in ended:
            self._count(work)
        if ended:
            self._write([(work.taken, self._result(work)) for work in ended])

    def end(self, work: Work) -> None:
        """A job without images is done."""
        self._end([(work.taken, work.result(*self._identity))])

    def fail(self, taken: Taken, error: VisionfleetError) -> None:
        """A job cannot begin."""
        self._end([(taken, self._failed(taken, error))])

    def _result(self, work: Work) -> JobResult:
        result = work.result(*self._identity)
        error = "" if result.error is None else str(result.error["code"])
        spans.follow(result, work.taken, spans.tell(work, self._identity[0], error))
        taken, job = work.taken, work.taken.job
        if taken.recorded and job.lane == "normal":  # the others would be a line per request or per image
            log.info("job.finished", **work.names, state=result.state, attempt=taken.attempt, **result.timings)
        return result

    def _count(self, work: Work) -> None:
        model, waited = work.model.manifest.id, float(work.taken.waited_ms)
        phases = {name: work.timings.get(name, 0.0) for name in ("decode_ms", "preprocess_ms")}
        self._counters.add(model, jobs=1, queue_ms=waited, **phases)
        self._counters.observe(model, "queue_seconds", waited / 1000)
        self._counters.observe(model, "request_seconds", (waited + clock_ms() - work.started) / 1000)

    def _write(self, results: list[tuple[Taken, JobResult]]) -> None:
        """Write results, each time all that are ready, in one round trip; or leave them to who is writing."""
        with self._lock:
            self._ended += results
            if self._writing:
                return
            self._writing = True
        while ended := self._next():
            self._end(ended)

    def _next(self) -> list[tuple[Taken, JobResult]]:
        with self._lock:
            ended, self._ended = self._ended, []
            self._writing = bool(ended)
        return ended

    def _failed(self, taken: Taken, error: VisionfleetError) -> JobResult:
        result = JobResult.failed(taken.job.id, error)
        result.attempt, (result.worker, result.hardware) = taken.attempt, self._identity
        result.timings = {"queue_ms": float(taken.waited_ms)}
        self._counters.add(taken.job.model, jobs=1, failures=1)
        self._counters.fail(taken.job.model, error.code)
        return result

    def _hand_over(self, ended: Sequence[tuple[Taken, JobResult]]) -> None:
        queued: list[tuple[Taken, JobResult]] = []
        for taken, result in ended:
            if isinstance(taken, InProcess):
                taken.answered(result)
            else:
                queued.append((taken, result))
        if queued:
            self._finish(queued)

    def _end(self, ended: Sequence[tuple[Taken, JobResult]]) -> None:
        if not ended:
            return
        try:
            self._hand_over(ended)
        except Exception:
            log.exception("results.unwritable", jobs=[taken.job.id for taken, _ in ended])
            if len(ended) > 1:  # one by one, so that only the bad result is lost
                for one in ended:
                    self._end([one])
            elif ended[0][1].error is None:
                self._end([(ended[0][0], self._failed(ended[0][0], BROKEN))])
        finally:
            for taken in self._space.leave([taken for taken, _ in ended]):
                self._counters.end(taken.job.model)
