"""One worker process: a Celery worker of this machine's hardware pool."""

from __future__ import annotations

import os

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
from worker_service.consumer.settings import ConsumerSettings
from worker_service.engine.runtime.profile import load_profile
from worker_service.settings import EngineSettings

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
    tracing.start(read(TracingSettings), "worker")
    from worker_service.celery_app import app  # noqa: PLC0415 - after logging is set up, or Celery sets up its own

    hardware = load_profile(engine.profile_path).hardware
    several = settings.worker_processes != 1  # Celery wants a name for each on a host
    name = settings.worker_name or (f"{hardware}-{os.getpid()}" if several else hardware)
    try:
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
    finally:
        tracing.stop()
