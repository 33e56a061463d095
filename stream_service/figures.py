"""What a source's frames became, for its status: counts that only grow, rates and percentiles of the last seconds."""

from __future__ import annotations

import time
from collections import Counter, deque
from typing import Any

from shared.metrics.histogram import SECONDS, Histogram

WINDOW_S = 10.0
MOST = 2_000
PERCENTILES = (50, 95, 99)


class Figures:
    """Of one source in one stream. Used on the event loop only."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._ages = Histogram(SECONDS)
        self._ended: deque[tuple[float, float, dict[str, float]]] = deque(maxlen=MOST)

    def note(self, cause: str, age_ms: float, timings: dict[str, float]) -> None:
        """One frame's end: ``cause`` is "" for a result."""
        if cause:
            self.counts[cause] += 1
            return
        self.counts["ok"] += 1
        self._ages.observe(age_ms / 1000)
        self._ended.append((time.monotonic(), age_ms, timings))

    def report(self) -> dict[str, Any]:
        """Frames per second out, and percentiles in ms over the last ten seconds."""
        since = time.monotonic() - WINDOW_S
        recent = [entry for entry in self._ended if entry[0] >= since]
        report: dict[str, Any] = {"fps_out": round(len(recent) / WINDOW_S, 2)}
        report["age_ms"] = percentiles([age for _, age, _ in recent])
        report["age_histogram"] = self._ages.state()
        for stage in ("encode_ms", "queue_ms", "infer_ms"):
            spent = [timings[stage] for _, _, timings in recent if stage in timings]
            if spent:
                report[stage] = percentiles(spent)
        return report


def percentiles(values: list[float]) -> dict[str, float]:
    """By nearest rank; empty without values."""
    ordered = sorted(values)
    if not ordered:
        return {}
    last = len(ordered) - 1
    return {f"p{rank}": round(ordered[min(last, round(rank / 100 * last))], 2) for rank in PERCENTILES}
