"""``python -m worker_service``: a Celery worker of this machine's hardware pool."""

from __future__ import annotations

from shared.log import configure
from shared.settings import LogSettings
from worker_service.consumer.settings import ConsumerSettings
from worker_service.engine.runtime.profile import load_profile
from worker_service.settings import EngineSettings

NO_TASKS = "inference"
"""Celery wants a queue; nothing is ever sent to this one. Inspection and control do not need it."""


def main() -> None:
    """Run until SIGTERM, which drains."""
    configure(LogSettings(), "worker")
    from worker_service.celery_app import app  # noqa: PLC0415 - after logging is set up, or Celery sets up its own

    settings, hardware = ConsumerSettings(), load_profile(EngineSettings().profile_path).hardware
    app.worker_main(
        [
            "worker",
            *("--queues", f"{hardware},any,webhooks" if settings.worker_role != "inference" else NO_TASKS),
            *("--hostname", f"{settings.worker_name or hardware}-%i@%h"),
            *("--pool", "threads", "--concurrency", str(settings.task_threads)),
            *("--loglevel", LogSettings().log_level),
            *("--without-gossip", "--without-mingle"),
        ]
    )


if __name__ == "__main__":
    main()
