"""The pulse of a worker that only runs slow tasks: it is ready while Celery's loop turns, which takes tasks."""

from __future__ import annotations

from typing import Any

from celery import bootsteps

from shared.pulse import ALIVE, READY, Pulse
from shared.settings import PulseSettings
from worker_service.consumer.scout import Every
from worker_service.consumer.settings import ConsumerSettings

EVERY_S = 1.0


class LoopStep(bootsteps.StartStopStep):  # type: ignore[misc] # celery ships no types
    """A timer in the loop that reads from the broker: it stands still while the loop waits for a connection."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._timer: Any = None

    def include_if(self, consumer: Any) -> bool:
        """A worker that runs models has signs of its own."""
        del consumer
        return ConsumerSettings().worker_role == "background"

    def start(self, consumer: Any) -> None:
        """The loop begins, or begins again with a new connection."""
        pulse = Pulse(PulseSettings().pulse_dir)
        self._timer = consumer.timer.call_repeatedly(EVERY_S, pulse.beat, (READY,))

    def stop(self, consumer: Any) -> None:
        """The loop ends."""
        del consumer
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class AliveStep(bootsteps.StartStopStep):  # type: ignore[misc] # celery ships no types
    """While the broker is away the loop does not turn, and a restart would not bring it back: the process lives."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        self._hand: Every | None = None

    def include_if(self, worker: Any) -> bool:
        """As LoopStep."""
        del worker
        return ConsumerSettings().worker_role == "background"

    def start(self, worker: Any) -> None:
        """Begin to beat."""
        del worker
        pulse = Pulse(PulseSettings().pulse_dir)
        self._hand = Every("alive", EVERY_S, lambda: pulse.beat(ALIVE))
        self._hand.start()

    def stop(self, worker: Any) -> None:
        """Beat no more."""
        del worker
        if self._hand is not None:
            self._hand.stop()
            self._hand = None

    terminate = stop
