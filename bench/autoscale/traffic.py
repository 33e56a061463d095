"""Arrivals of jobs, as seconds from the start. The same seed gives the same day."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator


def poisson(rate: Callable[[float], float], most: float, seconds: float, seed: int) -> Iterator[float]:
    """Arrivals at a rate that changes, by thinning (Lewis and Shedler 1979); ``most`` is never below it."""
    chance = random.Random(seed)
    now = 0.0
    while (now := now + chance.expovariate(most)) < seconds:
        if chance.random() * most < rate(now):
            yield now


def bursts(seconds: float, seed: int) -> Iterator[float]:
    """Two jobs a second, and every ten minutes or so a minute of sixty."""
    chance = random.Random(seed)
    starts, at = [], 0.0
    while (at := at + chance.uniform(420, 780)) < seconds:
        starts.append(at)
    return poisson(lambda now: 60.0 if any(0 <= now - start < 60 for start in starts) else 2.0, 60.0, seconds, seed)


def day(seconds: float, seed: int) -> Iterator[float]:
    """A day in the given time: from one job a second at night to forty at noon."""
    return poisson(lambda now: 1 + 39 * math.sin(math.pi * now / seconds) ** 4, 40.0, seconds, seed)


def rare(seconds: float, seed: int) -> Iterator[float]:
    """Nothing for half an hour, then a hundred jobs within ten seconds."""
    return poisson(lambda now: 10.0 if now % 1800 > 1790 else 0.0, 10.0, seconds, seed)


TRAFFIC = {"bursts": bursts, "day": day, "rare": rare}
