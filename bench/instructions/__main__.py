"""Instructions in user space that one no-op request costs each process, which no other load on the machine changes.

redis-server, API and worker run under valgrind, fifty times slower than by themselves, and answer a network that
averages 64 pixels. Counting begins after warm-up. What a process does in an idle second (heartbeats, looking for jobs)
is counted too and taken off, because at this speed it would be most of the figure.

sync    POST /infer/classification with base64 in JSON, from so many connections
job     POST /v1/jobs, and its record asked for until it has succeeded, one after the other
health  GET /healthz, for comparison: HTTP and middlewares and no queue
"""

from __future__ import annotations

import http.client
import json
import math
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from bench import pictures, report
from bench.instructions.counted import Counted, counted
from bench.networks.repository import write_noop
from deploy.local.redis_server import command, find_binary
from tests.redis_server import free_port

MODEL = "bench-noop"
START_S = 600
SLOW = {
    "lease_ms": "600000",
    "heartbeat_ms": "1500",
    "stall_timeout_s": "600",
    "request_timeout_s": "600",
    "scout_interval_ms": "60000",
    "worker_role": "inference",
}
"""Limits of time that fit processes fifty times slower, and little to do beside requests: what clocks start would be
most of the figure, and slips when the process is busy, so that it cannot be taken off exactly."""
IDLE_S = 20
Traffic = Callable[[int], None]
"""Sends so many requests and has their answers."""


@contextmanager
def system(folder: Path) -> Iterator[tuple[str, dict[str, Counted]]]:
    """Where the API answers, and the three processes, not yet counting."""
    port, redis_port, binary = free_port(), free_port(), find_binary()
    assert binary is not None, "no redis-server"
    settings = {"redis_url": f"redis://127.0.0.1:{redis_port}/0", "port": str(port), "preload_models": MODEL}
    settings |= {"model_dirs": str(folder / "models"), **SLOW}
    environment = os.environ | {f"VISIONFLEET_{name.upper()}": value for name, value in settings.items()}
    data = folder / "redis-data"
    data.mkdir()
    commands = {"redis": command(binary, redis_port, data, max_memory_mb=512)}
    commands |= {name: [sys.executable, "-m", f"{name}_service"] for name in ("api", "worker")}
    with ExitStack() as stack:
        made = {
            name: stack.enter_context(counted(words, folder / name, environment)) for name, words in commands.items()
        }
        _until_held(f"http://127.0.0.1:{port}", folder)
        yield f"http://127.0.0.1:{port}", made


def _until_held(url: str, folder: Path) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            with urllib.request.urlopen(f"{url}/v1/fleet", timeout=30) as answer:
                if any(worker["state"] == "ready" for worker in json.load(answer)["workers"]):
                    return
        except OSError:
            pass
        assert time.monotonic() < deadline, "\n".join(path.read_text()[-2000:] for path in folder.glob("*.log"))
        time.sleep(1)


def client(url: str, connections: int, ask: Callable[[http.client.HTTPConnection], None]) -> Traffic:
    """Requests over so many connections that stay open."""
    open_ = [http.client.HTTPConnection(urlsplit(url).netloc, timeout=600) for _ in range(connections)]

    def send(count: int) -> None:
        def some(connection: http.client.HTTPConnection) -> None:
            for _ in range(count // connections):
                ask(connection)

        with ThreadPoolExecutor(connections) as threads:
            list(threads.map(some, open_))

    return send


def answered(connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None) -> bytes:
    """The body of a good answer."""
    connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
    answer = connection.getresponse()
    data = answer.read()
    assert answer.status < 300, (answer.status, data)
    return data


def traffics(url: str, body: bytes) -> dict[str, Traffic]:
    """By name of the row."""
    asked = json.loads(body)
    later = json.dumps({"model": asked["model_id"], "image": asked["image"]}).encode()

    def job(connection: http.client.HTTPConnection) -> None:
        made = json.loads(answered(connection, "POST", "/v1/jobs", later))
        answered(connection, "GET", f"/v1/jobs/{made['id']}?wait=60")

    def sync(connection: http.client.HTTPConnection) -> None:
        answered(connection, "POST", "/infer/classification", body)

    def health(connection: http.client.HTTPConnection) -> None:
        answered(connection, "GET", "/healthz")

    return {
        "health, 1 connection": client(url, 1, health),
        "sync, 1 connection": client(url, 1, sync),
        "sync, 16 connections": client(url, 16, sync),
        "job and its record": client(url, 1, job),
    }


def measure(made: dict[str, Counted], send: Traffic, count: int, idle: dict[str, float]) -> dict[str, float]:
    """Thousands of instructions a request, by process, without what they do when idle."""
    send(max(16, count // 4))
    take(made)
    begun = time.monotonic()
    send(count)
    took = time.monotonic() - begun
    return {name: max(0.0, (used - idle[name] * took) / count / 1e3) for name, used in take(made).items()}


def idle_rate(made: dict[str, Counted]) -> dict[str, float]:
    """Instructions a second without requests, by process, once nothing of the start goes on any more."""
    rate = dict.fromkeys(made, math.inf)
    while True:
        take(made)
        time.sleep(IDLE_S)
        before, rate = rate, {name: count / IDLE_S for name, count in take(made).items()}
        if sum(rate.values()) > 0.8 * sum(before.values()):
            return rate


def take(made: dict[str, Counted]) -> dict[str, int]:
    with ThreadPoolExecutor(len(made)) as threads:  # each waits for its process to come to it
        return dict(zip(made, threads.map(Counted.take, made.values()), strict=True))


def main() -> None:
    parser = report.parser(__doc__)
    parser.add_argument("--requests", type=int, default=160)
    parser.add_argument("--only", default="", help="rows whose names begin so")
    parser.add_argument("--keep", type=Path, help="folder for valgrind's counts by function (callgrind_annotate)")
    options = parser.parse_args()
    rows: list[report.Row] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_noop(folder / "models")
        body = pictures.bodies(folder / "bodies", MODEL, pictures.jpegs(1, 8, 8))[0].read_bytes()
        with system(folder) as (url, made):
            for process in made.values():
                process.switch("on")
            idle = idle_rate(made)
            rows.append({"k instructions of": "idle, a second", **{n: v / 1e3 for n, v in idle.items()}})
            for row, send in traffics(url, body).items():
                if row.startswith(options.only):
                    used = measure(made, send, options.requests, idle)
                    rows.append({"k instructions of": row, **used, "all": sum(used.values())})
            if options.keep:
                subprocess.run(["cp", "-r", *(str(folder / name) for name in made), str(options.keep)], check=True)
    report.show("instructions (thousands, user space)", rows, as_json=options.json)


if __name__ == "__main__":
    main()
