"""What this worker has done, for its heartbeat: counts that only grow, and the rate of the last seconds."""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque

RATE_WINDOW_S = 10.0


class Counters:
    """Thread-safe counts per model: images, failures, batches, batch_images and ms per phase."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._models: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        self._recent: deque[tuple[float, str, int, int]] = deque()

    def add(self, model: str, **amounts: float) -> None:
        """Add to a model's counts."""
        with self._lock:
            for name, amount in amounts.items():
                self._models[model][name] += amount
            if images := int(amounts.get("images", 0)):
                self._recent.append((time.monotonic(), model, images, 0))
            if jobs := int(amounts.get("jobs", 0)):
                self._recent.append((time.monotonic(), model, 0, jobs))

    def total(self, name: str) -> int:
        """One count over all models."""
        with self._lock:
            return int(sum(counts.get(name, 0) for counts in self._models.values()))

    def rate(self) -> float:
        """Images per second over the last ten seconds."""
        with self._lock:
            return sum(images for _, _, images, _ in self._of_window()) / RATE_WINDOW_S

    def rates(self) -> dict[str, float]:
        """Jobs per second over the last ten seconds, by model; models without any are left out."""
        rates: dict[str, float] = defaultdict(float)
        with self._lock:
            for _, model, _, jobs in self._of_window():
                rates[model] += jobs / RATE_WINDOW_S
        return {model: rate for model, rate in rates.items() if rate > 0}

    def snapshot(self) -> dict[str, dict[str, float]]:
        """A copy of all counts."""
        with self._lock:
            return {model: dict(counts) for model, counts in self._models.items()}

    def _of_window(self) -> deque[tuple[float, str, int, int]]:
        horizon = time.monotonic() - RATE_WINDOW_S
        while self._recent and self._recent[0][0] < horizon:
            self._recent.popleft()
        return self._recent
