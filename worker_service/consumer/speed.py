"""How fast this worker serves one model while it has work of it: what a backlog is divided by.

Jobs per second of the clock would be the rate at which jobs come while the worker is mostly idle, and a burst would
then look like an hour of work. Jobs per second in which at least one job was here is the rate at which a queue drains.
"""

from __future__ import annotations

import math

MEMORY_S = 30.0
"""Busy seconds after which what was measured before counts 1/e of its weight; idle time forgets nothing."""
LEAST_S = 0.001


class Speed:
    """Times are seconds of the monotonic clock. The caller locks."""

    def __init__(self) -> None:
        self.held = 0
        self._since = 0.0
        self._busy = 0.0
        self._ended = 0
        self._jobs_of_memory = 0.0
        self._busy_of_memory = 0.0

    def begin(self, now: float) -> None:
        """One more job is here."""
        if self.held == 0:
            self._since = now
        self.held += 1

    def end(self, now: float) -> None:
        """One of them has left."""
        self._keep_time(now)
        self.held -= 1
        self._ended += 1

    def jobs_per_s(self, now: float) -> float:
        """Jobs per busy second, lately; 0 before the first has ended."""
        self._keep_time(now)
        fade = math.exp(-self._busy / MEMORY_S)
        self._jobs_of_memory = self._jobs_of_memory * fade + self._ended
        self._busy_of_memory = self._busy_of_memory * fade + self._busy
        self._busy, self._ended = 0.0, 0
        return self._jobs_of_memory / max(self._busy_of_memory, LEAST_S)

    def _keep_time(self, now: float) -> None:
        if self.held:
            self._busy += now - self._since
            self._since = now
