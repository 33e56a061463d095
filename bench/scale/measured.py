"""Service times of this machine: our queue at full speed with a worker that answers at once (bench.queue)."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from bench.queue.__main__ import measure, ours, process
from tests.redis_server import RedisServer


def service_times(kilobytes: int, jobs: int, rounds: int, concurrency: int = 64) -> dict[str, float]:
    """CPU milliseconds per job of Redis, the submitting side and the worker's loop with images of that size.

    The least of some rounds for each: what else the machine does makes it more, never less.
    """
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(Path(folder))
        server.start()
        try:
            with process("bench.queue.worker", server.url) as worker:
                run = ours(server.url, concurrency, os.urandom(kilobytes * 1000))
                run(200)
                pids = {"client": os.getpid(), "worker": worker, "redis": server.pid}
                taken = [measure(run, jobs, pids) for _ in range(rounds)]
        finally:
            server.stop()
    return {name: min(one[f"{name} ms/job"] for one in taken) for name in pids}
