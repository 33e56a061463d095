"""How a pipeline is: what happened to it, how long frames take, and what became of those without a result."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from visionfleet.pipeline.frames import Answered

KEPT = 512
WINDOW_S = 10.0


@dataclass(frozen=True)
class StatusUpdate:
    """Something that happened. ``severity``: DEBUG, INFO, WARNING or ERROR."""

    timestamp: float
    severity: str
    event_type: str
    payload: dict[str, Any] = field(default_factory=dict)
    context: str = "inference_pipeline"


@dataclass(frozen=True)
class PipelineReport:
    """A pipeline at one moment; times in ms, ``age_ms`` from a frame's arrival to its answer in the last ten seconds.

    ``throughput`` is answers per second of all sources; ``drops`` counts frames without an answer, by cause.
    """

    updates: list[StatusUpdate]
    throughput: float
    age_ms: dict[str, float]
    answered: int
    drops: dict[str, int]


class PipelineWatchdog:
    """Give it to a pipeline and ask it for reports, from any thread. ``handlers`` hear of each update."""

    def __init__(self, *handlers: Callable[[StatusUpdate], Any]) -> None:
        self._handlers = list(handlers)
        self._lock = threading.Lock()
        self._updates: deque[StatusUpdate] = deque(maxlen=KEPT)
        self._recent: deque[tuple[float, float]] = deque(maxlen=4 * KEPT)
        self._answered = 0
        self._drops: Counter[str] = Counter()

    def add_handler(self, handler: Callable[[StatusUpdate], Any]) -> None:
        """One more that hears of updates."""
        self._handlers.append(handler)

    def told(self, severity: str, event_type: str, **payload: Any) -> None:
        """Note what happened. A handler that raises is left out."""
        update = StatusUpdate(time.time(), severity, event_type, payload)
        with self._lock:
            self._updates.append(update)
        for handler in list(self._handlers):
            try:
                handler(update)
            except Exception:  # noqa: BLE001 - the user's handler must not end the pipeline
                self._handlers.remove(handler)

    def saw(self, answered: Answered) -> None:
        """Note one frame."""
        with self._lock:
            if answered.cause:
                self._drops[answered.cause] += 1
                return
            self._answered += 1
            self._recent.append((time.monotonic(), answered.age_ms))

    def drops(self, counts: dict[str, int]) -> None:
        """Take over the counts of frames that never came here, such as those that newer ones replaced."""
        with self._lock:
            self._drops = Counter(counts)

    def get_report(self) -> PipelineReport:
        """How it is now."""
        since = time.monotonic() - WINDOW_S
        with self._lock:
            ages = sorted(age for at, age in self._recent if at >= since)
            updates, answered, drops = list(self._updates), self._answered, dict(self._drops)
        last = len(ages) - 1
        ranks = {f"p{rank}": round(ages[round(rank / 100 * last)], 2) for rank in (50, 95, 99)} if ages else {}
        return PipelineReport(updates, round(len(ages) / WINDOW_S, 2), ranks, answered, drops)
