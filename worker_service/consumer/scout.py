"""What a worker does beside running jobs: heartbeat, takeover of lost jobs, adoption of models, removals."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence

import structlog
from typing_extensions import override

from shared import keys
from shared.errors import ModelLoadFailed, VisionfleetError
from shared.fleet.report import FleetReporter
from shared.fleet.state import WorkerInfo
from shared.jobs import JobResult
from shared.queue.consumer import Backlog, QueueConsumer
from shared.redis import RedisError
from worker_service.consumer.advert import Advert
from worker_service.consumer.intake import streams_of
from worker_service.consumer.pipeline import Pipeline
from worker_service.engine.engine import Engine

log = structlog.get_logger(__name__)
CONSUMER_IDLE_MS = 3_600_000
LOST_LOADERS = 3
UNLOADABLE = ModelLoadFailed("Every worker that began to load this model was lost; it is left alone for some minutes.")
EX_SOFTWARE = 70
"""sysexits.h: internal software error."""


class Scout:
    """The chores, each called every so often by the thread of its ``Every``."""

    def __init__(
        self, queue: QueueConsumer, reporter: FleetReporter, engine: Engine, pipeline: Pipeline, advert: Advert
    ) -> None:
        self._queue = queue
        self._reporter = reporter
        self._engine = engine
        self._pipeline = pipeline
        self._advert = advert
        self._loaded_ms: dict[str, int] = {}
        self._loading = threading.Lock()

    def beat(self) -> None:
        """Report to the fleet."""
        self._reporter.beat(self._advert.info(), self._advert.catalog())
        self._reporter.drop_models(self._advert.hardware, self._advert.vanished())

    def renew(self) -> None:
        """Renew the leases of everything in the pipeline."""
        self._queue.renew(self._pipeline.held)

    def progress(self) -> None:
        """Tell how far jobs of several images are and what jobs have written; those that were canceled are dropped."""
        held = self._pipeline.held
        self._queue.progress(held)
        self._queue.say(held)

    def take_over(self) -> None:
        """Take jobs of held models whose worker was lost; our own leases first, which may be old after an outage."""
        held = self._pipeline.held
        self._queue.renew(held)
        last_chances = 0 if any(map(self._queue.on_last_chance, held)) else 1
        streams = streams_of(self._held(), self._advert.hardware)
        for job in self._queue.takeover(streams, last_chances=last_chances):
            log.info("job.taken_over", job=job.job.id, attempt=job.attempt)
            self._pipeline.accept(job)

    def announce(self) -> None:
        """List newly held models in the registry; drop those whose removal was asked for after they were loaded."""
        held = self._held()
        new = [model for model in held if model not in self._loaded_ms]
        if new:
            self.beat()  # before the claims go, or another worker would see neither and load them too
        for model in new:
            self._loaded_ms[model] = self._reporter.loaded(self._advert.hardware, model)
        for model in set(self._loaded_ms) - set(held):
            self._loaded_ms.pop(model, None)
        for model, asked_ms in self._reporter.removals().items():
            if model in self._loaded_ms and self._loaded_ms[model] < asked_ms and self._engine.unload(model):
                log.info("model.removed", model=model)

    def tidy(self) -> None:
        """Forget the workers of the past, whose names every stream remembers otherwise."""
        self._queue.tidy(CONSUMER_IDLE_MS)

    def adopt(self) -> None:
        """Load a model that has jobs and no live holder, or whose oldest job has waited too long."""
        orphans = [backlog for backlog in self._queue.survey(self._foreign()) if backlog.waiting or backlog.stalled]
        if not orphans or not self._loading.acquire(blocking=False):
            return
        try:
            others = self._reporter.others(self._advert.id)
            for backlog in orphans:
                self._adopt(backlog, others)
        finally:
            self._loading.release()

    def watch(self, stall_timeout_s: float, intake_alive: Callable[[], bool]) -> None:
        """Exit when the model hangs or a thread has died: a worker that only answers pings is worse than none."""
        begun = self._pipeline.batch_started
        hung = begun is not None and time.monotonic() * 1000 - begun > stall_timeout_s * 1000
        if hung or not self._pipeline.alive or not intake_alive():
            log.critical("worker.stalled", hung=hung)
            os._exit(EX_SOFTWARE)

    def _held(self) -> list[str]:
        return [held.id for held in self._engine.held()]

    def _foreign(self) -> list[str]:
        held, servable = set(self._held()), {model.id for model in self._advert.catalog()}
        mine = (self._advert.hardware, keys.ANY_HARDWARE)
        found = []
        for stream in self._queue.queues():
            tag, _, model = keys.parse_queue(stream)
            if tag in mine and model in servable and model not in held:
                found.append(stream)
        return found

    def _adopt(self, backlog: Backlog, others: Sequence[WorkerInfo]) -> None:
        _, _, model = keys.parse_queue(backlog.stream)
        waited_too_long = backlog.oldest_ms > self._advert.adopt_after_ms
        if not waited_too_long and any(held["id"] == model for other in others for held in other.held):
            return
        claim = (self._advert.hardware, model, self._advert.life)
        begun, alive = self._reporter.claim(*claim), {other.life for other in others}
        if begun & alive and not waited_too_long:  # one of them is loading it
            self._reporter.unclaim(*claim)
            return
        try:
            if len(begun - alive) >= LOST_LOADERS:
                raise UNLOADABLE
            log.info("model.adopted", model=model, waiting=backlog.waiting)
            self._engine.get(model)
        except VisionfleetError as error:
            self._reporter.unclaim(*claim)
            self._refuse(backlog.stream, error)
            return
        self.announce()
        self.take_over()

    def _refuse(self, stream: str, error: VisionfleetError) -> None:
        """The model cannot be loaded: its jobs get the reason instead of waiting for their time to run out."""
        log.error("model.failed", stream=stream, error=error.message)
        while jobs := self._queue.take([stream], 32) or self._queue.takeover([stream]):
            self._queue.finish([(job, JobResult.failed(job.job.id, error)) for job in jobs])


class Every(threading.Thread):
    """Calls a chore every ``seconds`` until stopped; a Redis that is away only skips a turn."""

    def __init__(self, name: str, seconds: float, chore: Callable[[], None]) -> None:
        super().__init__(name=name, daemon=True)
        self._seconds = seconds
        self._chore = chore
        self._away = False
        self._stopping = threading.Event()
        self.done = float("-inf")
        """When the chore last went well, by the monotonic clock."""

    @override
    def run(self) -> None:
        """Until stopped."""
        while not self._stopping.is_set():
            try:
                self._chore()
                self._away = False
                self.done = time.monotonic()
            except (RedisError, OSError) as error:
                if not self._away:  # said once, not at every turn
                    log.warning("redis.unreachable", chore=self.name, error=type(error).__name__)
                self._away = True
            except Exception:
                log.exception("chore.failed", chore=self.name)
            self._stopping.wait(self._seconds)

    def stop(self) -> None:
        """End after the current turn."""
        self._stopping.set()
        if self.is_alive():
            self.join()
