"""The clock of every worker process: it starts periodic tasks, so that no single beat process can be missing.

Clocks agree through Redis who starts what; see the tick scripts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from celery import bootsteps
from kombu.exceptions import OperationalError

from shared.redis import SyncRedis, connect
from shared.settings import RedisSettings
from worker_service.consumer.scout import Every
from worker_service.consumer.settings import ConsumerSettings
from worker_service.tasks import batches, models, webhooks
from worker_service.tasks.stop import STOPPING

log = structlog.get_logger(__name__)


class ClockStep(bootsteps.StartStopStep):  # type: ignore[misc] # celery ships no types
    """Ticks from the worker's start to its stop, when it also tells long tasks to end."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        self._hands: list[Every] = []

    def include_if(self, worker: Any) -> bool:
        """Not in a worker that only runs models."""
        del worker
        return ConsumerSettings().worker_role != "inference"

    def start(self, worker: Any) -> None:
        """Begin to tick."""
        del worker
        client = connect(RedisSettings())
        self._hands = [
            Every("webhooks", webhooks.EVERY_S, lambda: _guarded(webhooks.tick, client)),
            Every("batches", batches.EVERY_S, lambda: _guarded(batches.tick, client)),
            Every("models", models.EVERY_S, lambda: _guarded(models.tick, client)),
            Every("sweep", batches.SWEEP_S, lambda: _guarded(batches.sweep_tick, client)),
        ]
        for hand in self._hands:
            hand.start()

    def stop(self, worker: Any) -> None:
        """Tick no more; long tasks see it and leave the rest to others."""
        del worker
        STOPPING.set()
        for hand in self._hands:
            hand.stop()
        self._hands = []

    terminate = stop


def _guarded(tick: Callable[[SyncRedis], None], client: SyncRedis) -> None:
    """Celery's own connection may be away while ours is not; the next tick tries again."""
    try:
        tick(client)
    except OperationalError as error:
        log.warning("broker.unreachable", error=type(error).__name__)
