"""How long to wait before a source is opened again."""

from __future__ import annotations

import random

from shared.errors import SourceError

CALM_S = 10.0
SLOW_S = 10.0
"""A wrong password does not become right by itself, and some cameras lock out who tries it often."""


class Backoff:
    """Delays that double up to a limit, each drawn between half and all of its length; anew after a calm connection."""

    def __init__(self, first_s: float, most_s: float) -> None:
        self._first_s, self._most_s = first_s, most_s
        self._next_s = first_s

    def after(self, error: SourceError, connected_s: float) -> float:
        """The delay in seconds after a failure; ``connected_s`` is how long frames had been coming."""
        if connected_s >= CALM_S:
            self._next_s = self._first_s
        delay = self._next_s if error.retryable else max(self._next_s, min(SLOW_S, self._most_s))
        self._next_s = min(self._most_s, self._next_s * 2)
        return delay * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret
