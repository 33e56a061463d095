"""How many images share a run, by how long the model takes for one.

A processor works on one image at a time: what a batch saves is the way there and back, and what it costs are caches.
An image of 5 ms is 2 to 7 % cheaper in twos, one of 130 ms 10 % dearer (one thread, bench/batches).
"""

from __future__ import annotations

from worker_service.engine.family import AnyModel, TakesSteps

WEIGHT = 0.2
"""Of the newest run in what is known of a model."""


class Pace:
    """``lone_above_ms``: images that take longer run alone; 0: batches are always filled."""

    def __init__(self, lone_above_ms: float) -> None:
        self._lone_above_ms = lone_above_ms
        self._ms: dict[str, float] = {}

    def note(self, model: str, ms: float) -> None:
        """A run took so long for each of its images."""
        self._ms[model] = ms + (self._ms.get(model, ms) - ms) * (1 - WEIGHT)

    def most(self, model: AnyModel, ready: int, idle: int) -> int:
        """Images for one of ``idle`` runs when so many are ready: none is left idle while another takes two."""
        if not self._lone_above_ms or isinstance(model, TakesSteps):
            return int(model.max_batch)
        if self._ms.get(model.manifest.id, 0.0) > self._lone_above_ms:
            return 1
        return max(1, min(model.max_batch, ready // max(1, idle)))
