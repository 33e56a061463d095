"""Faults, one function each: begin, last, heal. What each did stands in the history."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from bench.chaos.clients import TERMINAL, Clients, look, order, submit
from bench.chaos.fleet import Fleet
from bench.chaos.process import Process
from bench.chaos.skew import COMPILER
from bench.chaos.web import Broken
from tests.integration import dial_model as dial

POISON_S = 90.0
SKEWS_S = (-86_400, -3_600, -300, 300, 3_600, 86_400)


@dataclass
class Arena:
    """What nemeses act upon."""

    fleet: Fleet
    clients: Clients
    chance: random.Random

    def worker(self) -> Process:
        """A worker that runs."""
        return self.chance.choice([worker for worker in self.fleet.workers if worker.pid and not worker.stopped])

    @contextlib.asynccontextmanager
    async def fault(self, name: str, target: str) -> AsyncIterator[None]:
        """Note when it began and when it was healed."""
        self.fleet.history.note("fault", name=name, target=target, phase="begun")
        yield
        self.fleet.history.note("fault", name=name, target=target, phase="healed")

    def lose(self, worker: Process, why: str) -> None:
        """Note that a worker cannot go on with what it has taken."""
        self.fleet.history.note("lost_worker", worker=worker.name, why=why)


async def worker_kill(arena: Arena) -> None:
    """SIGKILL."""
    worker = arena.worker()
    async with arena.fault("worker_kill", worker.name):
        arena.lose(worker, "killed")
        worker.kill()


async def worker_stop(arena: Arena) -> None:
    """SIGSTOP for longer than the lease, then SIGCONT: it goes on with jobs that others have."""
    worker = arena.worker()
    async with arena.fault("worker_stop", worker.name):
        arena.lose(worker, "stopped")
        worker.stop()
        await asyncio.sleep(arena.fleet.lease_s * arena.chance.uniform(1.2, 1.8))
        worker.resume()


async def worker_cut(arena: Arena) -> None:
    """A worker that works on and cannot reach Redis, for longer than the lease."""
    worker = arena.worker()
    async with arena.fault("worker_cut", worker.name):
        arena.lose(worker, "cut off")
        worker.proxy.shut()
        await asyncio.sleep(arena.fleet.lease_s * arena.chance.uniform(1.2, 1.8))
        worker.proxy.heal()


async def worker_freeze(arena: Arena) -> None:
    """Packets between a worker and Redis vanish, and arrive later."""
    worker = arena.worker()
    async with arena.fault("worker_freeze", worker.name):
        arena.lose(worker, "frozen")
        worker.proxy.freeze()
        await asyncio.sleep(arena.fleet.lease_s * arena.chance.uniform(0.3, 1.5))
        worker.proxy.heal()


async def api_kill(arena: Arena) -> None:
    """SIGKILL of a replica."""
    replica = arena.chance.choice(arena.fleet.apis)
    async with arena.fault("api_kill", replica.name):
        replica.kill()


async def api_stop(arena: Arena) -> None:
    """SIGSTOP of a replica for a while: who asks it waits."""
    replica = arena.chance.choice([replica for replica in arena.fleet.apis if replica.pid])
    async with arena.fault("api_stop", replica.name):
        replica.stop()
        await asyncio.sleep(arena.chance.uniform(2, 6))
        replica.resume()


async def redis_restart(arena: Arena) -> None:
    """An orderly restart."""
    async with arena.fault("redis_restart", "redis"):
        await asyncio.to_thread(arena.fleet.redis.stop)
        await asyncio.sleep(arena.chance.uniform(0.2, 4))
        await asyncio.to_thread(arena.fleet.redis.start)


async def redis_kill(arena: Arena) -> None:
    """SIGKILL; what was accepted is in the append-only file."""
    async with arena.fault("redis_kill", "redis"):
        await asyncio.to_thread(arena.fleet.redis.kill)
        await asyncio.sleep(arena.chance.uniform(0.2, 4))
        await asyncio.to_thread(arena.fleet.redis.start)


async def connections_drop(arena: Arena) -> None:
    """Every connection to Redis breaks, three times."""
    async with arena.fault("connections_drop", "all"):
        for _ in range(3):
            for process in arena.fleet.processes:
                process.proxy.drop()
            await asyncio.sleep(arena.chance.uniform(0.05, 0.5))


async def receivers_down(arena: Arena) -> None:
    """Nobody listens where webhooks go, for less than the third attempt is away."""
    receivers = arena.clients.receivers
    async with arena.fault("receivers_down", "receivers"):
        await receivers.shut()
        await asyncio.sleep(arena.chance.uniform(0.5, 3))
        await receivers.open()


async def clock_skew(arena: Arena) -> None:
    """A process comes back with its clock wrong, up to a day; wrong clocks stay until the next time."""
    process = arena.chance.choice(arena.fleet.processes)
    process.skew_s = arena.chance.choice(SKEWS_S) + arena.chance.randint(-60, 60)
    async with arena.fault("clock_skew", f"{process.name} {process.skew_s:+d} s"):
        arena.lose(process, "killed")
        process.kill()


async def poison(arena: Arena) -> None:
    """A job whose worker is killed each time that one runs it."""
    async with arena.fault("poison", "whoever runs it"):
        wanted = order(arena.clients, "poison", brightness=dial.WHITE)
        job = await submit(arena.clients, wanted)
        deadline = arena.fleet.history.now() + POISON_S
        killed: set[str] = set()
        while job and arena.fleet.history.now() < deadline:
            with contextlib.suppress(Broken):
                if await look(arena.clients, job) in TERMINAL:
                    return
                await _kill_who_runs(arena, job, killed)
            await asyncio.sleep(0.1)


async def _kill_who_runs(arena: Arena, job: str, killed: set[str]) -> None:
    """Once for each attempt."""
    answer = await arena.clients.api.ask("GET", f"/v1/jobs/{job}")
    if not answer.ok or answer.body["state"] != "running":
        return
    attempt = f"{answer.body['worker']} {answer.body['attempt']}"
    for worker in arena.fleet.workers:
        if worker.name == answer.body["worker"] and worker.pid and attempt not in killed:
            killed.add(attempt)
            arena.lose(worker, "killed")
            worker.kill()


Nemesis = Callable[[Arena], Awaitable[None]]
NEMESES: dict[str, Nemesis] = {
    nemesis.__name__: nemesis
    for nemesis in (
        *(worker_kill, worker_stop, worker_cut, worker_freeze, api_kill, api_stop, redis_restart, redis_kill),
        *(connections_drop, receivers_down, clock_skew, poison),
    )
}


def available() -> list[str]:
    """Names of the nemeses that can act on this machine."""
    return [name for name in NEMESES if name != "clock_skew" or COMPILER]
