"""Seconds from a command to the first answer that needs it, with everything installed and the model on disk.

server   ``script/server``, installed: redis-server, API and worker from nothing
worker   ``python -m worker_service`` beside a Redis and an API that run: until it has answered one request

Requests are sent every 20 ms until one is answered. CPU seconds are those of the processes started, children included:
they say what it costs on a machine that others use too. Our modules are compiled, as the set-up leaves them. ``cold``
empties the system's cache of files first, where that is allowed (root).
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from bench import pictures, report
from bench.system import cpu_seconds, process
from tests.redis_server import RedisServer, free_port

MODEL = "shapes-detector"
PACKAGES = ("shared", "api_service", "worker_service", "stream_service", "deploy")
MOST_S = 120
DROP = Path("/proc/sys/vm/drop_caches")


def until_answered(url: str, body: bytes | None = None) -> float:
    """Seconds until it answers with success."""
    begun = time.monotonic()
    headers = {"Content-Type": "application/json"}
    while time.monotonic() - begun < MOST_S:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=30).close()
            return time.monotonic() - begun
        time.sleep(0.02)
    raise TimeoutError(f"{url} did not answer within {MOST_S} s")


def request() -> bytes:
    image = {"type": "base64", "value": base64.b64encode(pictures.jpegs(1, 640, 480)[0]).decode()}
    return json.dumps({"model_id": MODEL, "image": image}).encode()


def server(folder: Path, body: bytes) -> report.Row:
    """All of it."""
    port = free_port()
    own = {"data_dir": str(folder / "data"), "port": str(port), "host": "127.0.0.1"}
    environment = os.environ | {f"VISIONFLEET_{name.upper()}": value for name, value in own.items()}
    log, begun = folder / "server.log", time.monotonic()
    with process("--no-demo", log=log, environment=environment, program=("script/server",)) as pid:
        until_answered(f"http://127.0.0.1:{port}/healthz")
        healthy = time.monotonic() - begun
        until_answered(f"http://127.0.0.1:{port}/infer/object_detection", body)
        return {"API s": healthy, "first answer s": time.monotonic() - begun, "CPU s": cpu_seconds(pid)}


def worker(folder: Path, body: bytes) -> report.Row:
    """A worker beside what runs."""
    with ExitStack() as stack:
        redis, port = RedisServer(folder), free_port()
        redis.start()
        stack.callback(redis.stop)
        own = {"redis_url": redis.url, "port": str(port), "engine_cache": str(folder / "engines")}
        environment = os.environ | {f"VISIONFLEET_{name.upper()}": value for name, value in own.items()}
        stack.enter_context(process("api_service", log=folder / "api.log", environment=environment))
        until_answered(f"http://127.0.0.1:{port}/healthz")
        begun = time.monotonic()
        pid = stack.enter_context(process("worker_service", log=folder / "worker.log", environment=environment))
        until_answered(f"http://127.0.0.1:{port}/infer/object_detection", body)
        return {"first answer s": time.monotonic() - begun, "CPU s": cpu_seconds(pid)}


def drop() -> None:
    """Forget what of files is in memory."""
    os.sync()
    DROP.write_text("3")


def main() -> None:
    parser = report.parser(__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cold", action="store_true", help="also with an empty cache of files (as root)")
    options = parser.parse_args()
    kinds: dict[str, Callable[[Path, bytes], report.Row]] = {"server": server, "worker": worker}
    subprocess.run([sys.executable, "-m", "compileall", "-q", *PACKAGES], check=True)
    body, rows = request(), list[report.Row]()
    for cold in (False, True) if options.cold else (False,):
        taken: dict[str, list[report.Row]] = {kind: [] for kind in kinds}
        for _ in range(options.rounds):
            for kind, measure in kinds.items():
                time.sleep(options.pause)
                with tempfile.TemporaryDirectory() as folder:
                    if cold:
                        drop()
                    taken[kind].append(measure(Path(folder), body))
        for kind, found in taken.items():
            figures = {key: statistics.median(row[key] for row in found) for key in found[0]}
            rows.append({"what": kind, "files": "cold" if cold else "warm", **figures})
    report.show("start-up", rows, as_json=options.json)


if __name__ == "__main__":
    main()
