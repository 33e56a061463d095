"""KEDA and the Horizontal Pod Autoscaler, as far as they decide how many workers there are.

KEDA itself only switches between none and one; above that the HPA decides, every 15 s, from the value that Prometheus
scraped last. The numbers are those of deploy/k8s/cpu/scaling.yaml and of Kubernetes' documentation.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

TOLERANCE = 0.1
"""The HPA leaves a pool alone whose metric is this near to its target."""


@dataclass(frozen=True)
class Policy:
    """``metric``: ``wait``, queue_backlog_seconds by Value, or ``work``, visionfleet_queue_work_seconds by average.

    ``target`` is in seconds, as are all times. ``up`` and ``down`` are shares of the pool that may come and go in
    ``up_every`` and ``down_every``; the pool shrinks to the most that was wanted within ``settle``.
    """

    metric: str = "wait"
    target: float = 2.0
    least: int = 1
    most: int = 10
    up: float = 2.0
    up_every: float = 15.0
    down: float = 0.5
    down_every: float = 60.0
    settle: float = 120.0
    cooldown: float = 120.0


@dataclass
class Scaler:
    """One pool. ``decide`` is called at every sync of the HPA, ``wake`` at every poll of KEDA."""

    policy: Policy
    workers: int
    _wanted: deque[tuple[float, int]] = field(default_factory=deque)
    _changes: deque[tuple[float, int]] = field(default_factory=deque)
    _busy: float = float("-inf")

    def wake(self, now: float, value: float) -> int:
        """From none to one as soon as anything waits; back to the least after the cooldown."""
        if value > 0:
            self._busy = now
            self.workers = max(self.workers, 1)
        elif self.policy.least == 0 and now - self._busy >= self.policy.cooldown:
            self.workers = 0
        return self.workers

    def decide(self, now: float, value: float, ready: int) -> int:
        """How many workers there shall be, when so many of them take jobs now."""
        if self.workers == 0:
            return 0
        wanted = min(max(self._raw(value, ready), self.policy.least, 1), self.policy.most)
        self._wanted.append((now, wanted))
        while self._wanted[0][0] < now - self.policy.settle:
            self._wanted.popleft()
        before = self.workers
        if wanted > before:
            began = before - self._changed(now, self.policy.up_every, 1)
            self.workers = min(wanted, max(before, math.ceil(began * (1 + self.policy.up))))
        else:
            began = before - self._changed(now, self.policy.down_every, -1)
            floor = math.floor(began * (1 - self.policy.down))
            kept = min(before, max(one for _, one in self._wanted))
            self.workers = max(kept, min(floor, before), self.policy.least, 1)
        if self.workers != before:
            self._changes.append((now, self.workers - before))
        return self.workers

    def _raw(self, value: float, ready: int) -> int:
        """By Value the HPA multiplies those that are ready, so that those still starting do not count twice."""
        if self.policy.metric == "work":
            return math.ceil(value / self.policy.target)
        ratio = value / self.policy.target
        return self.workers if abs(ratio - 1) <= TOLERANCE else math.ceil(ready * ratio)

    def _changed(self, now: float, window: float, sign: int) -> int:
        """What came (or went) within the window counts against its share."""
        while self._changes and self._changes[0][0] < now - 600:
            self._changes.popleft()
        return sum(change for at, change in self._changes if at > now - window and change * sign > 0)
