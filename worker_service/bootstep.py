"""The inference consumer as a step of the Celery worker's start and stop."""

from __future__ import annotations

from typing import Any

from celery import bootsteps

from shared.settings import QueueSettings, RedisSettings
from worker_service.consumer.consumer import Consumer
from worker_service.consumer.settings import ConsumerSettings
from worker_service.engine.engine import Engine
from worker_service.settings import EngineSettings


class InferenceStep(bootsteps.StartStopStep):  # type: ignore[misc] # celery ships no types
    """Belongs to the worker, not to its broker connection: it runs on while Celery reconnects."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        self.consumer: Consumer | None = None

    def include_if(self, worker: Any) -> bool:
        """Not in a worker that only runs slow tasks."""
        del worker
        return ConsumerSettings().worker_role != "background"

    def start(self, worker: Any) -> None:
        """Build the engine and begin to take jobs."""
        del worker
        self.consumer = Consumer(ConsumerSettings(), QueueSettings(), RedisSettings(), Engine(EngineSettings()))
        self.consumer.start()

    def stop(self, worker: Any) -> None:
        """Drain."""
        del worker
        if self.consumer is not None:
            self.consumer.stop()
            self.consumer = None

    terminate = stop
