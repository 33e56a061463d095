"""A consumer that is too slow, for ten minutes: the age of results and everybody's memory, which must stay flat.

A camera of ``--fps`` frames/s and a detector; one client follows over SSE and reads ``--read`` bytes/s, one consumes a
result every two seconds, a third never reads what it asked for. Prints a row each ``--every`` seconds; the last line
compares the last third with the first.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis

from bench import report
from bench.soak.memory import resident
from bench.system import System, process, system
from tests.cameras.camera import Camera

ROOT = Path(__file__).resolve().parents[2]
MODEL = "shapes-detector"
MB = 2**20


def asked(base: str, path: str, body: Any = None) -> Any:
    """The answer to a request; a POST when it has a body."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(base + path, data, headers), timeout=30) as answer:
        return json.loads(answer.read() or b"null")


def follower(base: str, path: str, bytes_per_s: int, over: threading.Event) -> None:
    """A client that asks for a stream of bytes and reads this many a second, or none at all."""
    host, _, port = base.removeprefix("http://").partition(":")
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # small: what is not read waits at the server
        connection.connect((host, int(port)))
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        while not over.wait(1):
            if bytes_per_s:
                connection.recv(bytes_per_s)


def consumer(base: str, path: str, over: threading.Event) -> None:
    """Takes a result every two seconds, of many more."""
    while not over.wait(2):
        asked(base, path, {})


def row(running: Any, stream: str, second: float, stopped: int) -> dict[str, Any]:
    """What is to be seen now."""
    source = asked(running.url, f"/v1/streams/{stream}")["status"]["sources"]["0"]
    counts = source["counts"]
    memory = {f"{name} MiB": resident(pid) / MB for name, pid in running.pids.items()}
    return {
        "s": round(second),
        "results": counts.get("ok", 0),
        "left out": sum(count for cause, count in counts.items() if cause not in ("ok", "received")),
        "fps out": source["fps_out"],
        "age p50 ms": source["age_ms"].get("p50", 0.0),
        "age p95 ms": source["age_ms"].get("p95", 0.0),
        **memory,
        "redis data MiB": redis.Redis.from_url(running.redis_url).info("memory")["used_memory"] / MB,
        "services": stopped,
    }


def delivers(base: str, stream: str) -> bool:
    """Whether results come."""
    source = asked(base, f"/v1/streams/{stream}")["status"].get("sources", {}).get("0", {})
    return bool(source.get("fps_out"))


def watch(running: Any, stream: str, options: Any) -> list[dict[str, Any]]:
    """Rows until the time is over, with the slow clients at work."""
    over = threading.Event()
    path = f"/v1/streams/{stream}"
    work = [
        (follower, (running.url, f"{path}/results", options.read, over)),
        (follower, (running.url, f"{path}/preview.mjpeg", 0, over)),
        (consumer, (running.url, f"{path}/consume", over)),
    ]
    threads = [threading.Thread(target=act, args=given, daemon=True) for act, given in work]
    for thread in threads:
        thread.start()
    rows: list[dict[str, Any]] = []
    began = time.monotonic()
    while time.monotonic() - began < options.seconds:
        time.sleep(options.every)
        alive = len(asked(running.url, "/v1/streams")["services"])
        rows.append(row(running, stream, time.monotonic() - began, alive))
        if not options.json:
            os.write(1, (json.dumps({name: round(value, 1) for name, value in rows[-1].items()}) + "\n").encode())
    over.set()
    return rows


def flatness(rows: list[dict[str, Any]]) -> list[str]:
    """The last third beside the first, in words."""
    third = max(1, len(rows) // 3)
    notes = []
    for name in rows[0]:
        if "MiB" in name or "age" in name:
            first, last = (statistics.median(one[name] for one in part) for part in (rows[:third], rows[-third:]))
            notes.append(f"{name}: {first:.1f} in the first third, {last:.1f} in the last")
    return notes


@contextmanager
def ready(folder: str) -> Iterator[System]:
    """Redis, API, a worker and a stream service."""
    with system(ROOT / "models", [MODEL], intra_op_threads="1") as running:
        settings = {"REDIS_URL": running.redis_url, "STREAM_ALLOW_LOOPBACK": "true", "STREAM_OUTPUT_DIR": folder}
        environment = os.environ | {f"VISIONFLEET_{name}": value for name, value in settings.items()}
        with process("stream_service", log=Path(folder) / "streams.log", environment=environment) as pid:
            running.pids["streams"] = pid
            while not asked(running.url, "/v1/streams")["services"]:
                time.sleep(0.2)
            yield running


def main() -> None:
    made = report.parser(__doc__)
    made.add_argument("--seconds", type=float, default=600)
    made.add_argument("--every", type=float, default=15)
    made.add_argument("--fps", type=int, default=15)
    made.add_argument("--read", type=int, default=500, help="bytes/s that the follower reads")
    options = made.parse_args()
    with tempfile.TemporaryDirectory() as folder, Camera((640, 360), options.fps) as camera, ready(folder) as running:
        spec = {"sources": [{"reference": camera.url}], "model": {"model_id": MODEL}}
        stream = asked(running.url, "/v1/streams", spec)["id"]
        while not delivers(running.url, stream):
            time.sleep(0.2)
        rows = watch(running, stream, options)
    report.show("streams_slow", rows, as_json=options.json, notes=flatness(rows))


if __name__ == "__main__":
    main()
