"""A histogram that travels in a heartbeat: a sum, and how many values fell under each bound."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""From a cached answer (1 ms) to the default time limit of a request (60 s)."""
BATCH_SIZES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)


class Histogram:
    """The last bucket has what is above the last bound."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._sum = 0.0
        self._counts = [0] * (len(bounds) + 1)

    def observe(self, value: float) -> None:
        """Count one value."""
        self._sum += value
        self._counts[bisect_left(self._bounds, value)] += 1

    def state(self) -> list[float]:
        """The sum, then the count of each bucket."""
        return [self._sum, *self._counts]


def buckets(bounds: Sequence[float], state: Sequence[float]) -> list[tuple[str, float]]:
    """Prometheus's cumulative buckets of a ``Histogram.state``; one of other bounds gives none."""
    if len(state) != len(bounds) + 2:
        return []
    found, total = [], 0.0
    for bound, count in zip((*map(str, bounds), "+Inf"), state[1:], strict=True):
        total += count
        found.append((bound, total))
    return found


def added(states: Sequence[Sequence[float]]) -> list[float]:
    """Several states of the same bounds as one."""
    return [sum(column) for column in zip(*states, strict=True)] if len(set(map(len, states))) == 1 else []
