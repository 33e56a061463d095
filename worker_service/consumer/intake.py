"""Which streams this worker reads, in which order, and the loop that reads them."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog
from typing_extensions import override

from shared import keys
from shared.queue.consumer import QueueConsumer, Taken
from shared.redis import RedisError
from worker_service.consumer.ready import FAIR_EVERY
from worker_service.consumer.space import Room

log = structlog.get_logger(__name__)
BLOCK_MS = 500
ROOM_S = 0.5
QUIET_S = 0.001
"""A job that was waited for so long was alone: there is no backlog to be read, which takes a script and all streams."""
HALF_FULL_S = 0.02
"""With room for live jobs only, look again this soon: a read that blocks would not see room for the others."""
LIVE_FULL_S = 0.2
"""With room for the others only, wait so long for room for live ones, with which they are read: others can wait."""


def streams_of(models: Sequence[str], hardware: str, turn: int = 0, lanes: Sequence[str] = keys.LANES) -> list[str]:
    """Streams of the held models, most urgent first; ``turn`` rotates the models so that each comes first in turn."""
    if not models:
        return []
    start = turn % len(models)
    rotated = [*models[start:], *models[:start]]
    lanes = lanes if turn % FAIR_EVERY != FAIR_EVERY - 1 else lanes[::-1]
    tags = (hardware, keys.ANY_HARDWARE)
    return [keys.queue(tag, lane, model) for lane in lanes for model in rotated for tag in tags]


class Taker(Protocol):
    """What jobs are handed to: the pipeline of models, or that of workflows."""

    def room(self, timeout_s: float) -> Room:
        """How much more may be taken now; waits up to ``timeout_s`` for any."""
        ...

    def pause(self, known: Room, timeout_s: float) -> bool:
        """Wait until there is room of a kind that there was none of; whether there is."""
        ...

    def accept(self, taken: Taken) -> None:
        """Start a job."""
        ...


class Intake(threading.Thread):
    """Takes jobs of the held models as long as the pipeline has room."""

    def __init__(self, queue: QueueConsumer, pipeline: Taker, held: Callable[[], list[str]], hardware: str) -> None:
        super().__init__(name="intake", daemon=True)
        self._queue = queue
        self._pipeline = pipeline
        self._held = held
        self._hardware = hardware
        self._stopping = threading.Event()
        self._quiet = False
        self.turned = float("-inf")
        """When the loop last began a turn, by the monotonic clock."""
        self.reads = True
        """Whether the last read went well."""

    def stop(self) -> None:
        """Take no more; returns when the loop has ended."""
        self._stopping.set()
        if self.is_alive():
            self.join()

    @override
    def run(self) -> None:
        """Until stopped: wait for room, take, hand over. Waits out a Redis that is away."""
        for turn in itertools.count():
            if self._stopping.is_set():
                return
            self.turned = time.monotonic()
            room = self._pipeline.room(ROOM_S)
            models = self._held()
            if max(room) <= 0:
                continue
            if not models:
                self._stopping.wait(0.05)
                continue
            try:
                self._take(models, turn, room)
                self.reads = True
            except RedisError as error:
                self.reads = False
                log.warning("redis.unreachable", error=type(error).__name__)
                self._stopping.wait(0.2 + random.random() / 2)  # noqa: S311 - jitter is no secret

    def _take(self, models: list[str], turn: int, room: Room) -> None:
        if not room.live and self._pipeline.pause(room, LIVE_FULL_S):
            return
        live = streams_of(models, self._hardware, turn, keys.LANES[:1]) if room.live > 0 else []
        rest = streams_of(models, self._hardware, turn, keys.LANES[1:]) if room.rest > 0 else []
        quiet, self._quiet = self._quiet and bool(live and rest), False
        taken: list[Taken] = [] if quiet else self._queue.take(live, room.live, rest, room.rest)
        if not taken and live and rest:
            begun = time.monotonic()
            taken = self._queue.wait([*live, *rest], BLOCK_MS)
            self._quiet = len(taken) == 1 and time.monotonic() - begun > QUIET_S
        elif not taken and live:
            self._pipeline.pause(room, HALF_FULL_S)
        for job in taken:
            self._pipeline.accept(job)
