"""How long what waits will take: the signal that pools of workers are scaled by.

    queue_backlog_seconds = jobs that wait / jobs per second that the pool serves

What waits are the jobs of all lanes that no worker has, and those whose worker was lost. What the pool serves is the
sum of its workers' speeds: jobs per second while a worker has any of that model, over its last half minute of such
time. So a pool that was idle is not taken for a slow one. Draining workers do not count. Where no live worker holds the
model the pool counts as one worker of the speed that was last seen on such hardware, or, where the model never ran, of
one job per second: what waits is never without a number, and zero workers can become one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from shared import keys
from shared.fleet.state import Fleet, QueueInfo, WorkerInfo

UNKNOWN_SPEED = 1.0
"""Jobs per second of a model that never ran."""


@dataclass(frozen=True)
class Backlog:
    """The work of one model on one hardware tag.

    Attributes:
        waiting: jobs that no worker has.
        running: jobs that workers have.
        speed: jobs per second of one worker.
        rate: jobs per second of all workers that serve the model now, at least of one.
    """

    hardware: str
    model: str
    waiting: int
    running: int
    speed: float
    rate: float

    @property
    def seconds(self) -> float:
        """Until the last job that waits now is done, if nothing else comes."""
        return self.waiting / self.rate

    @property
    def work_seconds(self) -> float:
        """What waits and runs in seconds of one worker: divided by the wait that is aimed at, the workers it takes."""
        return (self.waiting + self.running) / self.speed


def backlogs(fleet: Fleet) -> list[Backlog]:
    """One for each hardware tag and model that has, or had, a queue."""
    ordered = sorted(fleet.queues, key=_place)
    return [_backlog(fleet, *place, list(queues)) for place, queues in groupby(ordered, _place)]


def queue_seconds(fleet: Fleet) -> list[float]:
    """Each queue's part of the backlog of its hardware and model; the parts of the lanes add up to it."""
    rates = {(found.hardware, found.model): found.rate for found in backlogs(fleet)}
    return [_waiting(queue) / rates[_place(queue)] for queue in fleet.queues]


def _waiting(queue: QueueInfo) -> int:
    return queue.waiting + queue.stalled


def _place(queue: QueueInfo) -> tuple[str, str]:
    return queue.hardware, queue.model


def _backlog(fleet: Fleet, hardware: str, model: str, queues: Iterable[QueueInfo]) -> Backlog:
    waiting = running = 0
    for queue in queues:
        waiting += _waiting(queue)
        running += max(queue.running - queue.stalled, 0)
    usual = _usual(fleet, hardware, model)
    speeds = [worker.speeds.get(model) or usual for worker in fleet.workers if _serves(worker, hardware, model)]
    rate = sum(speeds)
    return Backlog(hardware, model, waiting, running, rate / len(speeds) if speeds else usual, rate or usual)


def _serves(worker: WorkerInfo, hardware: str, model: str) -> bool:
    if worker.state == "draining" or hardware not in (keys.ANY_HARDWARE, worker.hardware):
        return False
    return model == keys.WORKFLOW_QUEUE or any(held["id"] == model for held in worker.held)


def _usual(fleet: Fleet, hardware: str, model: str) -> float:
    """The speed last seen; of any hardware the slowest, because nobody knows which will take the jobs."""
    tags = keys.HARDWARE_TAGS if hardware == keys.ANY_HARDWARE else (hardware,)
    seen = [fleet.speeds[tag][model] for tag in tags if fleet.speeds.get(tag, {}).get(model, 0) > 0]
    return min(seen, default=UNKNOWN_SPEED)
