"""What workers there are and what models need, read now and then and not for every frame."""

from __future__ import annotations

import asyncio
import time

from shared.fleet.state import Fleet
from shared.fleet.view import FleetView

FRESH_S = 2.0


class FleetWatch:
    """One reader at a time; everybody else gets what was read last. Raises QueueUnavailable."""

    def __init__(self, view: FleetView) -> None:
        self._view = view
        self._fleet = Fleet()
        self._read_at = float("-inf")
        self._lock = asyncio.Lock()

    async def __call__(self) -> Fleet:
        """The fleet, at most two seconds old."""
        if time.monotonic() - self._read_at < FRESH_S:
            return self._fleet
        async with self._lock:
            if time.monotonic() - self._read_at >= FRESH_S:
                self._fleet = await self._view.snapshot(fresh=True)
                self._read_at = time.monotonic()
        return self._fleet
