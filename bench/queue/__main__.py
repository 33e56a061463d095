"""No-op jobs with an answer, through our queue and through Celery on the same redis-server, in one run.

The client keeps ``--concurrency`` jobs in flight and waits for each answer; every job carries ``--bytes`` of payload.
Each side has one client process and one worker process. CPU per job is that of client, worker and redis together.
The two take turns, ``--rounds`` times; the figures are those of the best round of each.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from bench import report
from shared.jobs import Job
from shared.queue.dispatcher import Dispatcher
from shared.settings import QueueSettings, RedisSettings
from tests.redis_server import RedisServer

OURS, CELERY = "visionfleet", "celery"
ANSWER_S = 60
Run = Callable[[int], list[float]]
"""Runs so many jobs and returns how long each took, in seconds."""


def ours(url: str, concurrency: int, payload: bytes, model: str = "noop") -> Run:
    async def clients(jobs: int) -> list[float]:
        dispatcher = Dispatcher(RedisSettings(redis_url=url), QueueSettings())
        await dispatcher.start()
        latencies: list[float] = []
        left = iter(range(jobs))

        async def client() -> None:
            for _ in left:
                begun = time.perf_counter()
                (result,) = await dispatcher.call([Job(model, [payload])])
                assert result.state == "succeeded", result
                latencies.append(time.perf_counter() - begun)

        await asyncio.gather(*(client() for _ in range(concurrency)))
        await dispatcher.close()
        return latencies

    return lambda jobs: asyncio.run(clients(jobs))


def through_celery(concurrency: int, payload: bytes) -> Run:
    """One thread, because Celery's Redis results are not safe to await from several; answers come in order anyway."""
    from bench.queue.celery_noop import noop

    def run(jobs: int) -> list[float]:
        latencies: list[float] = []
        waiting: deque[tuple[float, object]] = deque()
        for number in range(jobs + concurrency):
            if number >= concurrency:
                begun, answer = waiting.popleft()
                assert answer.get(timeout=ANSWER_S) == len(payload)  # type: ignore[attr-defined]
                latencies.append(time.perf_counter() - begun)
            if number < jobs:
                waiting.append((time.perf_counter(), noop.delay(payload)))
        return latencies

    return run


def measure(run: Run, jobs: int, processes: dict[str, int]) -> dict[str, float]:
    """One round: rate, latency, CPU time per job by process."""
    before, begun = {name: cpu_seconds(pid) for name, pid in processes.items()}, time.perf_counter()
    latencies = sorted(run(jobs))
    wall = time.perf_counter() - begun
    cpu = {f"{name} ms/job": (cpu_seconds(pid) - before[name]) / jobs * 1000 for name, pid in processes.items()}
    p50, p99 = report.quantile(latencies, 0.5) * 1000, report.quantile(latencies, 0.99) * 1000
    return {"jobs/s": jobs / wall, "p50 ms": p50, "p99 ms": p99, **cpu, "cpu ms/job": sum(cpu.values())}


def cpu_seconds(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


@contextmanager
def process(*command: str) -> Iterator[int]:
    """A worker for as long as the context lasts; its process id."""
    child = subprocess.Popen([sys.executable, "-m", *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield child.pid
    finally:
        child.terminate()
        child.wait()


def compare(server: RedisServer, options: argparse.Namespace, concurrency: int) -> list[report.Row]:
    """Both, in turns."""
    payload = b"x" * options.bytes
    celery = ("celery", "-A", "bench.queue.celery_noop", "worker", "--pool", "solo", "--without-gossip")
    with process("bench.queue.worker", server.url) as worker, process(*celery, "--without-mingle") as task_worker:
        contenders: dict[str, tuple[Run, int, int]] = {
            CELERY: (through_celery(concurrency, payload), task_worker, max(200, options.jobs // 5)),
            OURS: (ours(server.url, concurrency, payload), worker, options.jobs),
        }
        rounds: dict[str, list[dict[str, float]]] = {name: [] for name in contenders}
        for run, _, _ in contenders.values():
            run(50)
        for _ in range(options.rounds):
            for name, (run, pid, jobs) in contenders.items():
                time.sleep(options.pause)
                rounds[name].append(measure(run, jobs, {"client": os.getpid(), "worker": pid, "redis": server.pid}))
    best = {name: max(taken, key=lambda figures: figures["jobs/s"]) for name, taken in rounds.items()}
    ratio = {"rate": best[OURS]["jobs/s"] / best[CELERY]["jobs/s"]}
    ratio["cpu"] = best[CELERY]["cpu ms/job"] / best[OURS]["cpu ms/job"]
    return [
        {"path": CELERY, "concurrency": concurrency, **best[CELERY]},
        {"path": OURS, "concurrency": concurrency, **best[OURS], "rate x": ratio["rate"], "cpu x": ratio["cpu"]},
    ]


def main() -> None:
    parser = report.parser(__doc__)
    parser.add_argument("--jobs", type=int, default=5000, help="jobs of ours per round; Celery gets a fifth")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 16, 64])
    parser.add_argument("--bytes", type=int, default=1000)
    options = parser.parse_args()
    rows: list[report.Row] = []
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(Path(folder))
        server.start()
        os.environ["BENCH_REDIS_URL"] = server.url
        try:
            for concurrency in options.concurrency:
                rows += compare(server, options, concurrency)
        finally:
            server.stop()
    report.show("queue: no-op jobs, answered", rows, as_json=options.json)


if __name__ == "__main__":
    main()
