"""Real API and worker processes on a real redis-server, which a test may kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from deploy.local.http import NoAnswer, get_json
from tests.redis_server import free_port

ROOT = Path(__file__).resolve().parents[3]


class Processes:
    """The API and any number of workers; ``variables`` are their settings."""

    def __init__(self, redis_url: str, folder: Path, **variables: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.folder = folder
        self._all: list[subprocess.Popen[bytes]] = []
        self.environment = {
            **os.environ,
            "VISIONFLEET_REDIS_URL": redis_url,
            "VISIONFLEET_PORT": str(self.port),
            "VISIONFLEET_DATA_DIR": str(folder),
            "VISIONFLEET_MODEL_DIRS": str(ROOT / "models"),
            "VISIONFLEET_LEASE_MS": "2000",
            "PYTHONPATH": str(ROOT),
            **variables,
        }

    def api(self) -> subprocess.Popen[bytes]:
        return self._start("api_service")

    def worker(self) -> subprocess.Popen[bytes]:
        return self._start("worker_service")

    def streams(self) -> subprocess.Popen[bytes]:
        return self._start("stream_service")

    def get(self, path: str) -> Any:
        return get_json(self.url + path)

    def until(self, workers: int = 1, seconds: float = 120) -> None:
        """Return when the API answers and so many workers are ready."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                fleet = self.get("/v1/fleet")
            except NoAnswer:
                fleet = {"workers": []}
            if len([worker for worker in fleet["workers"] if worker["state"] == "ready"]) >= workers:
                return
            assert all(process.poll() is None for process in self._all), self.logs()
            time.sleep(0.1)
        raise AssertionError(f"not ready:\n{self.logs()}")

    def logs(self) -> str:
        return "\n".join(path.read_text()[-3000:] for path in sorted(self.folder.glob("*.log")))

    def end(self) -> None:
        for process in self._all:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait()

    def _start(self, module: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{module}-{len(self._all)}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", module], cwd=ROOT, env=self.environment, stdout=log, stderr=log
            )
        self._all.append(process)
        return process
