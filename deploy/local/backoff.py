"""How long to wait before a crashed process is started again."""

from __future__ import annotations

import random

FIRST_S = 0.2
MOST_S = 30.0
CALM_S = 60.0


class Backoff:
    """Delays that double from 0.2 s to 30 s, and begin anew after a run of a minute.

    Each is drawn between half and all of its length, so that processes that died together do not return together.
    """

    def __init__(self) -> None:
        self._next_s = FIRST_S

    def after(self, uptime_s: float) -> float:
        """The delay in seconds after a run that lasted ``uptime_s``."""
        if uptime_s >= CALM_S:
            self._next_s = FIRST_S
        delay = self._next_s * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret
        self._next_s = min(MOST_S, self._next_s * 2)
        return delay
