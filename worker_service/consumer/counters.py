"""What this worker has done, for its heartbeat: counts that only grow, histograms, and the last seconds."""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque

from shared.metrics.histogram import BATCH_SIZES, SECONDS, Histogram
from worker_service.consumer.speed import Speed

RATE_WINDOW_S = 10.0
RECENT = ("images", "jobs", "failures", "infer_ms")
HISTOGRAMS = {"request_seconds": SECONDS, "queue_seconds": SECONDS, "batch_size": BATCH_SIZES}


class Counters:
    """Thread-safe counts per model: images, jobs, failures, batches, batch_images, and ms per phase."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._models: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        self._reasons: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self._histograms: dict[str, dict[str, Histogram]] = defaultdict(
            lambda: {name: Histogram(bounds) for name, bounds in HISTOGRAMS.items()}
        )
        self._speeds: dict[str, Speed] = defaultdict(Speed)
        self._recent: deque[tuple[float, str, dict[str, float]]] = deque()

    def add(self, model: str, **amounts: float) -> None:
        """Add to a model's counts."""
        with self._lock:
            for name, amount in amounts.items():
                self._models[model][name] += amount
            if recent := {name: amounts[name] for name in RECENT if amounts.get(name)}:
                self._recent.append((time.monotonic(), model, recent))

    def fail(self, model: str, code: str) -> None:
        """Count why an image, or a job before it had images, failed."""
        with self._lock:
            self._reasons[model][code] += 1

    def observe(self, model: str, name: str, value: float) -> None:
        """Put a value into one of the model's ``HISTOGRAMS``: seconds, or images in a batch."""
        with self._lock:
            self._histograms[model][name].observe(value)

    def begin(self, model: str) -> None:
        """A job of the model is in here from now on."""
        with self._lock:
            self._speeds[model].begin(time.monotonic())

    def end(self, model: str) -> None:
        """One of its jobs has left."""
        with self._lock:
            self._speeds[model].end(time.monotonic())

    def total(self, name: str) -> int:
        """One count over all models."""
        with self._lock:
            return int(sum(counts.get(name, 0) for counts in self._models.values()))

    def rate(self) -> float:
        """Images per second over the last ten seconds."""
        return sum(counts.get("images", 0) for counts in self.recent().values()) / RATE_WINDOW_S

    def rates(self) -> dict[str, float]:
        """Jobs per second over the last ten seconds, by model; models without any are left out."""
        return {model: counts["jobs"] / RATE_WINDOW_S for model, counts in self.recent().items() if "jobs" in counts}

    def recent(self) -> dict[str, dict[str, float]]:
        """The ``RECENT`` counts of the last ten seconds, by model; what is zero is left out."""
        found: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        with self._lock:
            horizon = time.monotonic() - RATE_WINDOW_S
            while self._recent and self._recent[0][0] < horizon:
                self._recent.popleft()
            for _, model, amounts in self._recent:
                for name, amount in amounts.items():
                    found[model][name] += amount
        return {model: dict(counts) for model, counts in found.items()}

    def speeds(self) -> dict[str, float]:
        """Jobs per second by model while it has any, see ``Speed``; models that ended none yet are left out."""
        with self._lock:
            now = time.monotonic()
            speeds = {model: speed.jobs_per_s(now) for model, speed in self._speeds.items()}
        return {model: speed for model, speed in speeds.items() if speed > 0}

    def pending(self) -> dict[str, int]:
        """Jobs that are in here now, by model."""
        with self._lock:
            return {model: speed.held for model, speed in self._speeds.items() if speed.held}

    def snapshot(self) -> dict[str, dict[str, float]]:
        """A copy of all counts."""
        with self._lock:
            return {model: dict(counts) for model, counts in self._models.items()}

    def reasons(self) -> dict[str, dict[str, int]]:
        """How many failed by model and error code."""
        with self._lock:
            return {model: dict(counts) for model, counts in self._reasons.items()}

    def histograms(self) -> dict[str, dict[str, list[float]]]:
        """The histograms by model and name, as ``Histogram.state``."""
        with self._lock:
            return {
                model: {name: histogram.state() for name, histogram in named.items()}
                for model, named in self._histograms.items()
            }
