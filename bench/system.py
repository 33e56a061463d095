"""The real system for a benchmark: redis-server, API and worker as processes of their own on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from deploy.local.redis_server import by_socket
from tests.redis_server import RedisServer, free_port

START_S = 240
DRAIN_S = 60


@dataclass
class System:
    """Where the system answers, and its processes by name."""

    url: str
    redis_url: str
    pids: dict[str, int] = field(default_factory=dict)

    def cpu_seconds(self) -> dict[str, float]:
        """CPU time that each part has used so far, its child processes included."""
        return {name: cpu_seconds(pid) for name, pid in self.pids.items()}

    def drain(self) -> None:
        """Wait until no job is left: wrk goes without waiting for its last answers, and their jobs are still run."""
        deadline = time.monotonic() + DRAIN_S
        while any(queue["waiting"] + queue["running"] for queue in self.get("/v1/fleet")["queues"]):
            assert time.monotonic() < deadline, f"jobs are left after {DRAIN_S} s"
            time.sleep(0.6)  # the fleet's state is up to half a second old

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=5) as answer:
            return json.load(answer)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and those it started."""
    process = psutil.Process(pid)
    times = [part.cpu_times() for part in (process, *process.children(recursive=True))]
    return float(sum(part.user + part.system for part in times))


@contextmanager
def system(models: Path, preload: Sequence[str], *, workers: int = 1, **variables: str) -> Iterator[System]:
    """Start everything with the models of a folder, wait until a worker holds ``preload``, and end it afterwards.

    ``variables`` are settings without their prefix: ``processes="2"`` sets VISIONFLEET_PROCESSES.
    """
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        redis = RedisServer(Path(folder), "redis.sock")  # as script/server does
        stack.callback(redis.stop)
        redis.start()
        port = free_port()
        settings = {"redis_url": by_socket(redis.url, redis.socket), "port": str(port), "model_dirs": str(models)}
        settings |= {**variables, "preload_models": ",".join(preload)}
        environment = os.environ | {f"VISIONFLEET_{name.upper()}": value for name, value in settings.items()}
        made = System(f"http://127.0.0.1:{port}", settings["redis_url"], {"redis": redis.pid})
        names = [("api", "api_service"), ("worker", "worker_service")]
        names += [(f"worker-{number}", "worker_service") for number in range(2, workers + 1)]
        for name, module in names:
            log = Path(folder) / f"{name}.log"
            made.pids[name] = stack.enter_context(process(module, log=log, environment=environment))
        _until_held(made, set(preload), workers)
        yield made


@contextmanager
def process(
    *command: str, log: Path, environment: Mapping[str, str], program: Sequence[str] = (sys.executable, "-m")
) -> Iterator[int]:
    """``python -m command`` for as long as the context lasts; its process id. Ended by SIGTERM, which drains."""
    with log.open("wb") as output:
        child = subprocess.Popen([*program, *command], stdout=output, stderr=output, env=environment)
    try:
        yield child.pid
        assert child.poll() is None, f"{command[0]} ended: {log.read_text()[-3000:]}"
    finally:
        child.terminate()
        child.wait(timeout=40)


def _until_held(made: System, wanted: set[str], count: int = 1) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            workers = made.get("/v1/fleet")["workers"]
            ready = [w for w in workers if w["state"] == "ready" and wanted <= {model["id"] for model in w["held"]}]
            if len(ready) >= count:
                return
        except OSError:
            pass
        assert time.monotonic() < deadline, f"no worker holds {sorted(wanted)} after {START_S} s"
        time.sleep(0.1)
