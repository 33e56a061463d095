"""A pool from 1 to N workers: jobs/s and latency beside what as many workers could do that shared nothing.

Workers are processes of their own with the real intake, pipeline and queue and a model that sleeps for --milliseconds
per image, one run at a time: so two cores can hold more workers than they could with a model that computes, and what is
lost is lost to the queue. One client keeps --in-flight jobs per worker in flight. --ahead-ms is the work that a worker
takes ahead of its runs; 0: eight jobs, whatever they last.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from bench import report
from bench.pool.worker import MODEL
from bench.queue.__main__ import measure, ours, process
from tests.redis_server import RedisServer
from worker_service.consumer.threads import AHEAD_MS

WARM_S = 2.0


def row(workers: int, ahead_ms: float, options: argparse.Namespace) -> report.Row:
    """A Redis and a pool of its own."""
    in_flight, milliseconds = options.in_flight, options.milliseconds
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        server = RedisServer(Path(folder))
        server.start()
        stack.callback(server.stop)
        names = [f"w{number}" for number in range(workers)]
        pids = [
            stack.enter_context(process("bench.pool.worker", server.url, name, str(milliseconds), str(ahead_ms)))
            for name in names
        ]
        run = ours(server.url, in_flight * workers, os.urandom(int(options.kilobytes * 1000)), MODEL)
        ideal = workers * 1000 / milliseconds
        run(workers * in_flight * 4)  # they import, and make their threads
        time.sleep(WARM_S)
        run(int(ideal))
        parts = {f"w{number}": pid for number, pid in enumerate(pids)}
        found = measure(run, int(ideal * options.seconds), {"client": os.getpid(), "redis": server.pid, **parts})
        worker = sum(value for name, value in found.items() if name.startswith("w"))
        figures = {name: found[name] for name in ("jobs/s", "p50 ms", "p99 ms", "client ms/job", "redis ms/job")}
        return {
            "workers": workers,
            "ahead ms": ahead_ms,
            "ideal/s": ideal,
            "of ideal": found["jobs/s"] / ideal,
            **figures,
            "workers ms/job": worker,
        }


def main() -> None:
    parser = report.parser(__doc__)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    parser.add_argument("--milliseconds", type=float, default=50.0)
    parser.add_argument("--in-flight", type=int, default=3)
    parser.add_argument("--ahead-ms", type=float, nargs="+", default=[AHEAD_MS])
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--kilobytes", type=float, default=1.0)
    options = parser.parse_args()
    rows = [row(workers, ahead, options) for workers in options.workers for ahead in options.ahead_ms]
    report.show("pool: from one worker to many", rows, as_json=options.json)


if __name__ == "__main__":
    main()
