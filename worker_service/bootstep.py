"""The inference consumer as a step of the Celery worker's stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from celery import bootsteps

if TYPE_CHECKING:
    from worker_service.consumer.consumer import Consumer


class InferenceStep(bootsteps.StartStopStep):  # type: ignore[misc] # celery ships no types
    """Belongs to the worker, not to its broker connection: it runs on while Celery reconnects."""

    requires = ("celery.worker.components:Pool",)
    consumer: ClassVar[Consumer | None] = None
    """It has been started before Celery was imported: see ``serve``."""

    def include_if(self, worker: Any) -> bool:
        """Not in a worker that only runs slow tasks."""
        del worker
        return self.consumer is not None

    def stop(self, worker: Any) -> None:
        """Drain."""
        del worker
        if self.consumer is not None:
            self.consumer.stop()

    terminate = stop
