"""No-op jobs with an answer, through our queue and through Celery on the same redis-server, in one run.

The client keeps ``--concurrency`` jobs in flight and waits for each answer; every job carries ``--bytes`` of payload.
CPU per job is that of client, worker and redis together.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from shared.jobs import Job
from shared.queue.dispatcher import Dispatcher
from shared.settings import QueueSettings, RedisSettings
from tests.redis_server import RedisServer

OURS = "visionfleet queue"
FIGURES = ("jobs/s", "p50 ms", "p99 ms", "worker ms/job", "redis ms/job", "client ms/job", "cpu ms/job")
Run = Callable[[int], list[float]]


def cpu_seconds(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


async def ours(url: str, jobs: int, concurrency: int, payload: bytes) -> list[float]:
    dispatcher = Dispatcher(RedisSettings(redis_url=url), QueueSettings())
    await dispatcher.start()
    latencies: list[float] = []
    left = iter(range(jobs))

    async def client() -> None:
        for _ in left:
            begun = time.perf_counter()
            (result,) = await dispatcher.call([Job("noop", [payload])])
            assert result.state == "succeeded", result
            latencies.append(time.perf_counter() - begun)

    await asyncio.gather(*(client() for _ in range(concurrency)))
    await dispatcher.close()
    return latencies


def through_celery(jobs: int, concurrency: int, payload: bytes) -> list[float]:
    from bench.queue.celery_noop import noop

    def one(_: int) -> float:
        begun = time.perf_counter()
        assert noop.delay(payload).get(timeout=60) == len(payload)
        return time.perf_counter() - begun

    with ThreadPoolExecutor(concurrency) as pool:
        return list(pool.map(one, range(jobs)))


def measure(
    worker: subprocess.Popen[bytes], redis: RedisServer, run: Callable[[int], list[float]], jobs: int
) -> dict[str, float]:
    run(max(50, jobs // 20))
    pids = [worker.pid, redis.pid, psutil.Process().pid]
    cpu, begun = [cpu_seconds(pid) for pid in pids], time.perf_counter()
    latencies = sorted(run(jobs))
    wall = time.perf_counter() - begun
    used = [cpu_seconds(pid) - before for pid, before in zip(pids, cpu, strict=True)]
    return {
        "jobs/s": jobs / wall,
        "p50 ms": latencies[len(latencies) // 2] * 1000,
        "p99 ms": latencies[int(len(latencies) * 0.99)] * 1000,
        "worker ms/job": used[0] / jobs * 1000,
        "redis ms/job": used[1] / jobs * 1000,
        "client ms/job": used[2] / jobs * 1000,
        "cpu ms/job": sum(used) / jobs * 1000,
    }


def contenders(url: str, concurrency: int, payload: bytes) -> list[tuple[str, list[str], Run]]:
    celery = ["-A", "bench.queue.celery_noop", "worker", "--pool", "solo", "--without-gossip", "--without-mingle"]
    return [
        (
            OURS,
            [sys.executable, "-m", "bench.queue.worker", url],
            lambda jobs: asyncio.run(ours(url, jobs, concurrency, payload)),
        ),
        (
            "celery",
            [sys.executable, "-m", "celery", *celery],
            lambda jobs: through_celery(jobs, concurrency, payload),
        ),
    ]


def compare(server: RedisServer, options: argparse.Namespace, concurrency: int, table: Table) -> None:
    rates: dict[str, float] = {}
    for name, command, run in contenders(server.url, concurrency, b"x" * options.bytes):
        worker = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            figures = measure(worker, server, run, options.jobs if name == OURS else max(200, options.jobs // 4))
        finally:
            worker.terminate()
            worker.wait()
        rates[name] = figures["jobs/s"]
        table.add_row(name, str(concurrency), *(f"{value:.2f}" for value in figures.values()))
    table.add_row("ratio", str(concurrency), f"{rates[OURS] / rates['celery']:.1f} x", end_section=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=4000)
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 16, 64])
    parser.add_argument("--bytes", type=int, default=1000)
    options = parser.parse_args()
    table = Table("path", "concurrency", *FIGURES)
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(Path(folder))
        server.start()
        os.environ["BENCH_REDIS_URL"] = server.url
        try:
            for concurrency in options.concurrency:
                compare(server, options, concurrency, table)
        finally:
            server.stop()
    Console().print(table)


if __name__ == "__main__":
    main()
