"""How many images share a run, by how long the model takes for one.

A processor works on one image at a time: what a batch saves is the way there and back, and what it costs are caches.
An image of 5 ms is 2 to 7 % cheaper in twos, one of 130 ms 10 % dearer (one thread, bench/batches).
"""

from __future__ import annotations

import threading

from worker_service.engine.family import AnyModel, takes_steps

SHARED_BELOW_MS = 2.0
"""A run of less costs no more than the way there and back, which a batch shares."""
RECENT = 8
"""Models that are remembered, by their last run."""
WEIGHT = 0.2
"""Of the newest run in what is known of a model."""


class Pace:
    """``lone_above_ms``: images that take longer run alone; 0: batches are always filled. ``ahead_ms``: so much work is
    taken ahead of the runs; 0: by number only.
    """

    def __init__(self, lone_above_ms: float, ahead_ms: float = 0.0) -> None:
        self._lone_above_ms = lone_above_ms
        self._ahead_ms = ahead_ms
        self._ms: dict[str, float] = {}
        self._slowest = 0.0
        self._lock = threading.Lock()

    def note(self, model: str, ms: float) -> None:
        """A run took so long for each of its images."""
        with self._lock:
            self._ms[model] = ms + (self._ms.pop(model, ms) - ms) * (1 - WEIGHT)
            if len(self._ms) > RECENT:
                self._ms.pop(next(iter(self._ms)))
            self._slowest = max(self._ms.values())

    def most(self, model: AnyModel, ready: int, idle: int) -> int:
        """Images for one of ``idle`` runs when so many are ready: none is left idle while another takes two."""
        ms = self._ms.get(model.manifest.id, 0.0)
        if not self._lone_above_ms or takes_steps(model) or ms < SHARED_BELOW_MS:
            return int(model.max_batch)
        if ms > self._lone_above_ms:
            return 1
        return max(1, min(model.max_batch, ready // max(1, idle)))

    def ahead(self, most: int, runs: int) -> int:
        """Images to take before a run is free for them: ``most``, or what the slowest model does in that time."""
        if not self._ahead_ms or not self._slowest:
            return most
        return max(runs, min(most, int(self._ahead_ms * runs / self._slowest)))
