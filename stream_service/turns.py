"""How many live frames of one model are with the workers at a time, from all cameras; and whose turn is next.

Whatever is sent beyond what workers run and have at hand only waits there and grows old: sixteen frames in flight at
ten a second are 1.6 s old when they are answered (bench/streams). A camera chooses its frame when its turn comes, so
that it sends its newest.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable

from shared.errors import QueueUnavailable
from shared.fleet.state import Fleet, WorkerInfo
from shared.streams.spec import PipelineSpec

FIRST = 8
"""Before anything is known of the workers."""
DELAY_S = 0.1
"""What is done within this time may always be on its way: fast models need more at a time to be kept busy."""


class Turns:
    """Of one model. Waiters are served in the order of their coming."""

    def __init__(self) -> None:
        self.limit = FIRST
        self.used = 0
        self.done = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._looked: tuple[float, int] = (time.monotonic(), 0)

    async def take(self) -> None:
        """Wait for a turn."""
        if not self._waiting and self.used < self.limit:
            self.used += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._free()
            elif turn in self._waiting:
                self._waiting.remove(turn)
            raise

    def give_back(self) -> None:
        """The frame is no longer with the workers."""
        self.done += 1
        self._free()

    def adapt(self, fleet: Fleet, model: str, now: float) -> None:
        """Look at the workers of the model, and at how many frames were done since the last look."""
        began, done = self._looked
        self._looked = (now, self.done)
        rate = (self.done - done) / max(now - began, 0.001)
        self.limit = max(hands(fleet, model), round(rate * DELAY_S))
        self._serve()

    def _free(self) -> None:
        self.used -= 1
        self._serve()

    def _serve(self) -> None:
        while self._waiting and self.used < self.limit:
            turn = self._waiting.popleft()
            if not turn.done():
                self.used += 1
                turn.set_result(None)


class Crowd:
    """The turns of every model."""

    def __init__(self, fleet: Callable[[], Awaitable[Fleet]]) -> None:
        self._fleet = fleet
        self._turns: dict[str, Turns] = {}

    def of(self, spec: PipelineSpec) -> Turns | None:
        """Of a stream's model. Those of a workflow's models are not known: some of its frames need none of them."""
        return None if spec.model is None else self._turns.setdefault(spec.model.model_id, Turns())

    async def adapt(self) -> None:
        """Look at the fleet; while it cannot be seen, everything stays as it is."""
        if not self._turns:
            return
        with contextlib.suppress(QueueUnavailable):
            fleet = await self._fleet()
            for model, turns in self._turns.items():
                turns.adapt(fleet, model, time.monotonic())


def hands(fleet: Fleet, model: str) -> int:
    """Frames that the workers which hold the model can run at once, and one more for each run to go on with."""
    info = fleet.resolve(model)
    name = info.id if info is not None else model
    return sum(_hands(worker) for worker in fleet.workers if _holds(worker, name)) or FIRST


def _hands(worker: WorkerInfo) -> int:
    return worker.runs * (max(1, worker.capacity) + 1)


def _holds(worker: WorkerInfo, model: str) -> bool:
    return worker.state == "ready" and any(held.get("id") == model for held in worker.held)
