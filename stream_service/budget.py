"""Bytes of frames that this process has in the queues at a time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Budget:
    """Waiters are served in turn, so that no stream starves another. A frame larger than all of it goes alone."""

    def __init__(self, most: int) -> None:
        self.used = 0
        self._most = most
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def hold(self, size: int) -> AsyncIterator[None]:
        """Hold so many bytes for the time of the block; waits until they are free."""
        if self._waiting or not self._fits(size):
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            entry = (size, turn)
            self._waiting.append(entry)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._free(size)
                elif entry in self._waiting:
                    self._waiting.remove(entry)
                raise
        else:
            self.used += size
        try:
            yield
        finally:
            self._free(size)

    def _fits(self, size: int) -> bool:
        return self.used == 0 or self.used + size <= self._most

    def _free(self, size: int) -> None:
        self.used -= size
        while self._waiting and self._fits(self._waiting[0][0]):
            taken, turn = self._waiting.popleft()
            if not turn.done():
                self.used += taken
                turn.set_result(None)
