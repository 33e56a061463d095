"""A fleet as stations in a row: API replicas, Redis servers, workers. Discrete events.

A request visits an API replica, then the Redis server that its job lives on (accept), waits there for a worker of that
server, which takes as many as wait (fetch), runs them, and hands the answer in (finish); then the API replica answers.
Each Redis server is one thread that serves whoever comes first. Networks cost nothing: this is about processors.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

ACCEPT, FETCH, FINISH = 0.5, 0.2, 0.3
"""Assumed shares of a job's Redis time: acceptance writes the record and the image. Where Redis saturates depends on
the sum alone."""


@dataclass(frozen=True)
class Costs:
    """Milliseconds of processor time. A worker's batch of n images takes ``batch_ms + n * image_ms``."""

    api_ms: float = 0.3
    redis_ms: float = 0.09
    batch_ms: float = 2.0
    image_ms: float = 1.0
    max_batch: int = 16


@dataclass(frozen=True)
class Fleet:
    """How many of each. Workers are spread evenly over the Redis servers."""

    apis: int
    redises: int
    workers: int


@dataclass
class Outcome:
    """What came of it.

    Attributes:
        offered: requests that arrived, the last of them ``window`` seconds after the first.
        answers: (moment of the answer, seconds since the request arrived) of each.
        refused: requests turned away because too many waited.
        busy: share of time by kind of station until the last answer.
        batches: runs of workers.
    """

    offered: int
    answers: list[tuple[float, float]] = field(default_factory=list)
    refused: int = 0
    busy: dict[str, float] = field(default_factory=dict)
    batches: int = 0
    window: float = 0.0

    def steady(self) -> list[float]:
        """Seconds of the answers given while requests came, without the first quarter of that time."""
        return [took for at, took in self.answers if self.window / 4 <= at <= self.window]

    @property
    def rate(self) -> float:
        """Answers per second in that time."""
        return len(self.steady()) / (self.window * 3 / 4)

    def quantile(self, share: float) -> float:
        """Milliseconds, of the same."""
        return float(np.quantile(self.steady(), share)) * 1000


class Simulation:
    """One run. ``depth`` is how many jobs may wait on one Redis server before more are refused."""

    def __init__(self, fleet: Fleet, costs: Costs, depth: int, seed: int = 1) -> None:
        self._fleet, self._costs, self._depth = fleet, costs, depth
        self._random = np.random.default_rng(seed)
        self._events: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._order = 0
        self._free = {"api": [0.0] * fleet.apis, "redis": [0.0] * fleet.redises}
        self._spent = {"api": 0.0, "redis": 0.0, "worker": 0.0}
        self._waiting: list[deque[tuple[float, int]]] = [deque() for _ in range(fleet.redises)]
        share, rest = divmod(fleet.workers, fleet.redises)
        self._idle = [share + (server < rest) for server in range(fleet.redises)]
        self.outcome = Outcome(0)

    def run(self, rate: float, requests: int) -> Outcome:
        """Poisson arrivals of so many per second; returns when all have been answered or refused."""
        at = 0.0
        gaps = self._random.exponential(1 / rate, requests)
        apis = self._random.integers(0, self._fleet.apis, requests)
        redises = self._random.integers(0, self._fleet.redises, requests)
        moments = np.cumsum(gaps).tolist()
        arrivals = zip(moments, apis.tolist(), redises.tolist(), strict=True)
        self.outcome.offered, self.outcome.window = requests, moments[-1]
        self._arrive(iter(arrivals))
        while self._events:
            at, _, step, given = heapq.heappop(self._events)
            step(at, *given)
        stations = {"api": self._fleet.apis, "redis": self._fleet.redises, "worker": self._fleet.workers}
        self.outcome.busy = {name: self._spent[name] / (at * count) for name, count in stations.items()}
        return self.outcome

    def _later(self, at: float, step: Callable[..., None], *given: Any) -> None:
        self._order += 1
        heapq.heappush(self._events, (at, self._order, step, given))

    def _serve(self, kind: str, which: int, now: float, milliseconds: float) -> float:
        """When the station is done with it, first come first served."""
        free = self._free[kind]
        free[which] = max(now, free[which]) + milliseconds / 1000
        self._spent[kind] += milliseconds / 1000
        return free[which]

    def _arrive(self, left: Iterable[tuple[float, int, int]]) -> None:
        """One arrival is an event at a time, so that a million of them do not lie in the heap."""
        found = next(iter(left), None)
        if found is not None:
            at, api, redis = found
            self._later(at, self._request, api, redis, left)

    def _request(self, now: float, api: int, redis: int, left: Iterable[tuple[float, int, int]]) -> None:
        self._arrive(left)
        self._later(self._serve("api", api, now, self._costs.api_ms), self._accept, now, api, redis)

    def _accept(self, now: float, arrived: float, api: int, redis: int) -> None:
        behind = self._free["redis"][redis] - now > self._depth * self._costs.redis_ms / 1000
        if behind or len(self._waiting[redis]) >= self._depth:
            self.outcome.refused += 1
            return
        done = self._serve("redis", redis, now, ACCEPT * self._costs.redis_ms)
        self._later(done, self._queued, arrived, api, redis)

    def _queued(self, now: float, arrived: float, api: int, redis: int) -> None:
        self._waiting[redis].append((arrived, api))
        self._take(now, redis)

    def _take(self, now: float, redis: int) -> None:
        waiting = self._waiting[redis]
        if not self._idle[redis] or not waiting:
            return
        batch = [waiting.popleft() for _ in range(min(len(waiting), self._costs.max_batch))]
        self._idle[redis] -= 1
        fetched = self._serve("redis", redis, now, FETCH * self._costs.redis_ms * len(batch))
        taken = self._costs.batch_ms + self._costs.image_ms * len(batch)
        self._spent["worker"] += taken / 1000
        self.outcome.batches += 1
        self._later(fetched + taken / 1000, self._ran, redis, batch)

    def _ran(self, now: float, redis: int, batch: list[tuple[float, int]]) -> None:
        self._idle[redis] += 1
        done = self._serve("redis", redis, now, FINISH * self._costs.redis_ms * len(batch))
        for arrived, _ in batch:
            self._later(done, self._answered, arrived)
        self._take(now, redis)

    def _answered(self, now: float, arrived: float) -> None:
        self.outcome.answers.append((now, now - arrived))
