"""A pool of workers, the jobs that they serve, and who scales them: discrete events, by SimPy."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from typing import Any

import simpy

from bench.autoscale.policy import Policy, Scaler
from shared.fleet.backlog import backlogs
from shared.fleet.state import Fleet, QueueInfo, WorkerInfo

Steps = Generator[Any, Any, None]
SCRAPE_S = 15.0
POLL_S = 5.0
SYNC_S = 15.0


@dataclass(frozen=True)
class Machine:
    """``speed`` jobs per second of one worker, ``startup`` seconds until a new one takes jobs."""

    speed: float = 10.0
    startup: float = 40.0


@dataclass
class Outcome:
    """``waits`` are the seconds of each job from its arrival to its worker, ``paid`` the seconds of all workers."""

    waits: list[float] = field(default_factory=list)
    paid: float = 0.0
    most: int = 0

    def wait(self, share: float) -> float:
        """A percentile."""
        ordered = sorted(self.waits)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


class Pool:
    """``policy`` None is a pool of a fixed size."""

    def __init__(self, machine: Machine, size: int, policy: Policy | None = None) -> None:
        self.outcome = Outcome()
        self._clock = simpy.Environment()
        self._jobs = simpy.Store(self._clock)
        self._machine = machine
        self._alive: list[simpy.Process] = []
        self._running = self._ready = 0
        self._speed: dict[str, dict[str, float]] = {}
        self._scraped = 0.0
        for _ in range(size):
            self._start(0.0)
        if policy is not None:
            self._scaler = Scaler(policy, size)
            for every, chore in ((SCRAPE_S, self._scrape), (POLL_S, self._wake), (SYNC_S, self._sync)):
                self._clock.process(self._every(every, chore))

    def run(self, arrivals: Iterable[float], seconds: float) -> Outcome:
        """Until all that arrives in that time has been served."""
        feeding = self._clock.process(self._feed(arrivals))
        self._clock.run(until=feeding)
        self._clock.run(until=max(seconds, self._clock.now + 1))
        while self._jobs.items:
            self._clock.run(until=self._clock.now + 1)
        ended = self._clock.now
        for worker in list(self._alive):
            self._stop(worker)
        self.outcome.paid = self._paid_until(ended)
        return self.outcome

    def _feed(self, arrivals: Iterable[float]) -> Steps:
        for at in arrivals:
            yield self._clock.timeout(max(0.0, at - self._clock.now))
            yield self._jobs.put(self._clock.now)

    def _work(self, startup: float) -> Steps:
        began = self._clock.now
        try:
            yield self._clock.timeout(startup)
            self._ready += 1
            try:
                while True:
                    yield from self._serve()
            finally:
                self._ready -= 1
        except simpy.Interrupt:
            pass
        finally:
            self.outcome.paid += self._clock.now - began

    def _serve(self) -> Steps:
        """One job. Whoever is told to go while it serves ends the job first."""
        wanted = self._jobs.get()
        try:
            arrived = yield wanted
        except simpy.Interrupt:
            wanted.cancel()
            raise
        self.outcome.waits.append(self._clock.now - arrived)
        self._running += 1
        over = self._clock.now + 1 / self._machine.speed
        leave: simpy.Interrupt | None = None
        while self._clock.now < over:
            try:
                yield self._clock.timeout(over - self._clock.now)
            except simpy.Interrupt as told:
                leave = told
        self._running -= 1
        self._speed = {"cpu": {"m": self._machine.speed}}
        if leave is not None:
            raise leave

    def _start(self, startup: float) -> None:
        self._alive.append(self._clock.process(self._work(startup)))
        self.outcome.most = max(self.outcome.most, len(self._alive))

    def _stop(self, worker: simpy.Process) -> None:
        self._alive.remove(worker)
        if worker.is_alive:
            worker.interrupt()

    def _paid_until(self, ended: float) -> float:
        self._clock.run(until=ended + 2 / self._machine.speed)
        return self.outcome.paid

    def _every(self, seconds: float, chore: Any) -> Steps:
        while True:
            yield self._clock.timeout(seconds)
            chore()

    def _scrape(self) -> None:
        """What the API's /metrics tells, by the code that tells it."""
        ready = [WorkerInfo(f"w{number}", "cpu", "", 0, "", 0, state="ready") for number in range(self._ready)]
        for worker in ready:
            worker.held, worker.speeds = [{"id": "m"}], self._speed.get("cpu", {})
        queue = QueueInfo("cpu", "normal", "m", len(self._jobs.items), self._running, 0, 0)
        (found,) = backlogs(Fleet(ready, queues=[queue], speeds=self._speed))
        by_work = self._scaler.policy.metric == "work"
        self._scraped = found.work_seconds if by_work else found.seconds

    def _wake(self) -> None:
        self._resize(self._scaler.wake(self._clock.now, self._scraped))

    def _sync(self) -> None:
        self._resize(self._scaler.decide(self._clock.now, self._scraped, self._ready))

    def _resize(self, wanted: int) -> None:
        while len(self._alive) < wanted:
            self._start(self._machine.startup)
        for worker in self._alive[wanted:][::-1]:
            self._stop(worker)
