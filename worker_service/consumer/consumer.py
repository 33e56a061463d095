"""The inference consumer of one worker process, assembled: queue, pipeline, intake and chores."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import structlog

from shared.errors import VisionfleetError
from shared.fleet.report import FleetReporter
from shared.jobs import JobResult
from shared.metrics.exporter import Exporter
from shared.metrics.settings import MetricsSettings
from shared.pulse import Pulse
from shared.queue.consumer import QueueConsumer, Taken
from shared.redis import RedisError, SyncRedis, connect
from shared.settings import PulseSettings, QueueSettings, RedisSettings
from shared.workflows.settings import WorkflowSettings
from worker_service.consumer.advert import Advert
from worker_service.consumer.intake import Intake
from worker_service.consumer.metrics import OwnSeries
from worker_service.consumer.pipeline import Pipeline
from worker_service.consumer.scout import Every, Scout
from worker_service.consumer.settings import ConsumerSettings
from worker_service.consumer.shelf import RedisShelf
from worker_service.consumer.speaking import Speaking
from worker_service.consumer.threads import threads_of
from worker_service.consumer.vitals import EVERY_S, Vitals
from worker_service.engine.engine import Engine
from worker_service.workflows.late import LateRunner
from worker_service.workflows.line import Limits, WorkflowLine

if TYPE_CHECKING:
    from worker_service.workflows.runner import Runner

PROGRESS_EVERY_S = 0.25
TIDY_EVERY_S = 600.0
log = structlog.get_logger(__name__)
LEAST_PREFETCH = 8
"""A small model runs several images in the time that it takes to fetch and decode one."""


class Consumer:
    """Start it, stop it. It survives a Redis that is away, at start and later."""

    def __init__(self, settings: ConsumerSettings, queue: QueueSettings, redis: RedisSettings, engine: Engine) -> None:
        client: SyncRedis = connect(redis)
        self._settings = settings
        self._engine = engine
        self._lease_s = queue.lease_ms / 1000
        self.advert = Advert(settings, engine, int(time.time() * 1000))
        if settings.shared_remembered_bytes:
            engine.runtime.shelf = RedisShelf(client, settings)
        self._queue = QueueConsumer(client, queue, self.advert.id)
        self._reporter = FleetReporter(client)
        identity = (self.advert.id, self.advert.hardware)
        threads = threads_of(settings, engine.runtime)
        prefetch = settings.prefetch or max(LEAST_PREFETCH, threads.runs * engine.runtime.max_batch)
        self._pipeline = Pipeline(engine, self._finish, threads, prefetch, identity)
        self.advert.pipeline = self._pipeline
        self._intake = Intake(self._queue, self._pipeline, self._held, self.advert.hardware)
        settings_of_workflows = WorkflowSettings()

        def runner() -> Runner:
            from worker_service.workflows.runner import Runner  # noqa: PLC0415 - seconds, for workflows only

            return Runner(settings_of_workflows, client, engine, self._pipeline, (redis, queue))

        self._runner = LateRunner(runner)
        self._preload_workflows = settings_of_workflows.workflow_preload
        limits = Limits(settings_of_workflows.workflow_runs, self._lease_s)
        self._workflows = WorkflowLine(
            self._queue, self._runner, self._finish, identity, limits, self._pipeline.counters
        )
        scout = Scout(self._queue, self._reporter, engine, self._pipeline, self.advert)
        metrics = MetricsSettings()
        self._exporter = Exporter(metrics, OwnSeries(self.advert.info, metrics.metrics_max_models))
        pulse = Pulse(PulseSettings().pulse_dir)
        self._beat = Every("beat", settings.heartbeat_ms / 1000, scout.beat)
        self._renew = Every("renew", self._lease_s / 4, scout.renew)
        self._chores = [
            Every("progress", PROGRESS_EVERY_S, scout.progress),
            Speaking(self._queue, self._pipeline),
            Every("takeover", self._lease_s / 8, scout.take_over),
            Every("announce", settings.scout_interval_ms / 1000, scout.announce),
            Every("tidy", TIDY_EVERY_S, scout.tidy),
            Every("adopt", settings.scout_interval_ms / 1000, scout.adopt),
            Every("vitals", EVERY_S, Vitals(pulse, self.advert, self._intake, self._beat).check),
            Every("watch", 1.0, lambda: scout.watch(settings.stall_timeout_s, self._intake.is_alive)),
        ]

    def start(self) -> None:
        """Load what is to be preloaded, then take jobs."""
        self._pipeline.start()
        self._beat.start()
        self._renew.start()
        self._exporter.start()
        try:
            self._engine.preload()
        except VisionfleetError as error:
            log.error("preload.failed", code=error.code, error=error.message)  # noqa: TRY400 - no bug, no traceback
        if self._preload_workflows:
            self._runner.made()
        self._intake.start()
        self._workflows.start()
        self.advert.state = "ready"
        for chore in self._chores:
            chore.start()
        log.info("worker.ready", worker=self.advert.id, hardware=self.advert.hardware, models=self._held())

    def stop(self) -> None:
        """Take no more jobs, finish those begun, leave the fleet. Once: later calls do nothing."""
        if self.advert.state == "draining":
            return
        self.advert.state = "draining"
        for chore in self._chores:
            chore.stop()
        drained = self._workflows.stop(self._settings.drain_timeout_s)  # first: its runs need the pipeline
        self._intake.stop()
        drained = self._pipeline.drain(self._settings.drain_timeout_s) and drained
        self._runner.close()
        self._renew.stop()
        self._beat.stop()
        self._exporter.stop()
        try:
            self._reporter.forget(self.advert.id)
        except RedisError:
            log.warning("worker.not_deregistered")
        log.info("worker.stopped", drained=drained)

    def _held(self) -> list[str]:
        return [held.id for held in self._engine.held()]

    def _finish(self, ended: Sequence[tuple[Taken, JobResult]]) -> None:
        """Write results, for as long as the lease could still be ours; later another worker repeats the job."""
        give_up = time.monotonic() + 10 * self._lease_s
        while True:
            try:
                self._queue.say([taken for taken, _ in ended])
                counted = self._queue.finish(ended)
            except RedisError as error:
                if time.monotonic() > give_up:
                    log.exception("results.lost", jobs=len(ended), error=type(error).__name__)
                    return
                time.sleep(0.1 + random.random() / 5)  # noqa: S311 - jitter is no secret
            else:
                if counted < len(ended):
                    log.warning("results.superseded", jobs=len(ended) - counted)
                return
