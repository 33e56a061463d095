"""One worker process: a Celery worker of this machine's hardware pool."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

from shared import tracing
from shared.batches.settings import BatchSettings
from shared.cores import keep_to
from shared.fetch.settings import FetchSettings
from shared.log import configure
from shared.metrics.settings import MetricsSettings
from shared.settings import LogSettings, QueueSettings, RedisSettings, read
from shared.tracing.settings import TracingSettings
from shared.webhooks.settings import WebhookSettings
from shared.workflows.settings import WorkflowSettings
from worker_service.allocator import keep_pages
from worker_service.consumer.settings import ConsumerSettings
from worker_service.engine.runtime.profile import load_profile
from worker_service.settings import EngineSettings

if TYPE_CHECKING:
    from worker_service.consumer.consumer import Consumer

NO_TASKS = "inference"
"""Celery wants a queue; nothing is ever sent to this one. Inspection and control do not need it."""


def serve() -> None:
    """Run until SIGTERM, which drains."""
    for cls in (QueueSettings, RedisSettings, MetricsSettings, WebhookSettings, BatchSettings, WorkflowSettings):
        read(cls)  # what is wrong is told now, and not by whoever needs it first
    read(FetchSettings)
    settings, engine, logs = read(ConsumerSettings), read(EngineSettings), read(LogSettings)
    configure(logs, "worker")
    keep_to(engine.cpus)
    keep_pages()
    tracing.start(read(TracingSettings), "worker")
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))  # drains; Celery's own takes over when it runs
    consumer = _consumer(settings, engine) if settings.worker_role != "background" else None
    try:
        if consumer is not None:
            consumer.start()
        _run_celery(settings, engine, logs, consumer)
    finally:
        if consumer is not None:
            consumer.stop()
        tracing.stop()


def _consumer(settings: ConsumerSettings, engine: EngineSettings) -> Consumer:
    from worker_service.consumer.consumer import Consumer  # noqa: PLC0415 - after logging is set up
    from worker_service.engine.engine import Engine  # noqa: PLC0415

    return Consumer(settings, read(QueueSettings), read(RedisSettings), Engine(engine))


def _run_celery(
    settings: ConsumerSettings, engine: EngineSettings, logs: LogSettings, consumer: Consumer | None
) -> None:
    """The process's main loop. Jobs are taken already: what Celery imports would make the first of them wait."""
    from worker_service.bootstep import InferenceStep  # noqa: PLC0415
    from worker_service.celery_app import app  # noqa: PLC0415

    InferenceStep.consumer = consumer
    hardware = load_profile(engine.profile_path).hardware
    several = settings.worker_processes != 1  # Celery wants a name for each on a host
    name = settings.worker_name or (f"{hardware}-{os.getpid()}" if several else hardware)
    app.worker_main(
        [
            "worker",
            *("--queues", f"{hardware},any,webhooks" if settings.worker_role != "inference" else NO_TASKS),
            *("--hostname", f"{name}-%i@%h"),
            *("--pool", "threads", "--concurrency", str(settings.task_threads)),
            *("--loglevel", logs.log_level),
            *("--without-gossip", "--without-mingle"),
            # Celery's own sign of life for monitors; the fleet has another, and each costs as much as two requests
            *("--heartbeat-interval", "20"),
        ]
    )
