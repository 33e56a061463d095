"""``python -m deploy.local`` as a process, for tests that drive or break the whole system."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from deploy.local.http import NoAnswer, get_json
from tests.redis_server import free_port

ROOT = Path(__file__).resolve().parents[1]
START_S = 90.0


@dataclass
class Launched:
    """A running ``python -m deploy.local``."""

    base_url: str
    data_dir: Path
    process: subprocess.Popen[bytes]

    def pid_of(self, words: str) -> int:
        """The pid of the child whose command line contains ``words``: redis-server, api_service, worker_service."""
        for child in psutil.Process(self.process.pid).children():
            if words in " ".join(child.cmdline()):
                return child.pid
        raise LookupError(f"no child runs {words}")


def launch(folder: Path, *arguments: str, **variables: str) -> Launched:
    """Start the launcher on a free port with a data folder of its own; ``until_ready`` waits for it."""
    port = free_port()
    environment = {
        **os.environ,
        "VISIONFLEET_PORT": str(port),
        "VISIONFLEET_DATA_DIR": str(folder),
        "PYTHONPATH": str(ROOT),
        "VISIONFLEET_STREAM_SERVICES": "0",  # who tests streams asks for one
        **variables,
    }
    with (folder / "launcher.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "deploy.local", *arguments], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
    return Launched(f"http://127.0.0.1:{port}", folder, process)


def until_ready(launched: Launched) -> None:
    """Return when the API is ready and a worker announced itself; raises with the launcher's words otherwise."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and launched.process.poll() is None:
        try:
            get_json(f"{launched.base_url}/readiness")
            if any(worker["state"] == "ready" for worker in get_json(f"{launched.base_url}/v1/fleet")["workers"]):
                return
        except NoAnswer:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"the system did not start:\n{(launched.data_dir / 'launcher.log').read_text()}")


def end(launched: Launched) -> None:
    """Ctrl-C, as a person would."""
    if launched.process.poll() is None:
        launched.process.send_signal(signal.SIGINT)
    try:
        launched.process.wait(timeout=45)
    finally:
        launched.process.kill()
        launched.process.wait()
