"""What health checks see: each service is ready while it gets its work done, and only lives while Redis is away."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared.fleet.view import FleetView
from shared.pulse import ALIVE, READY
from shared.settings import QueueSettings, RedisSettings
from tests.redis_server import RedisServer

pytestmark = [pytest.mark.integration, pytest.mark.timeout(480)]
ROOT = Path(__file__).resolve().parents[2]
KINDS = ("inference", "background", "streams")


def start(kind: str, folder: Path, redis_url: str) -> subprocess.Popen[bytes]:
    module = "stream_service" if kind == "streams" else "worker_service"
    secret = folder / "redis-url"
    secret.write_text(f"{redis_url}\n")
    variables = {
        "PYTHONPATH": str(ROOT),
        "VISIONFLEET_REDIS_URL_FILE": str(secret),
        "VISIONFLEET_PULSE_DIR": str(folder / kind),
        "VISIONFLEET_DATA_DIR": str(folder / "data"),
        "VISIONFLEET_WORKER_ROLE": kind if kind != "streams" else "all",
        "VISIONFLEET_WORKER_NAME": kind,
    }
    with (folder / f"{kind}.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", module], cwd=folder, env={**os.environ, **variables}, stdout=log, stderr=log
        )


class Watched:
    """The pulses of the three, read as a health check does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def beat(self, kind: str, name: str) -> int:
        """When it was touched last, in ns; 0 for never."""
        try:
            return (self.folder / kind / name).stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def until(self, condition: Callable[[str], bool], what: str, seconds: float = 120) -> None:
        deadline = time.monotonic() + seconds
        while missing := [kind for kind in KINDS if not condition(kind)]:
            logs = "\n".join((self.folder / f"{kind}.log").read_text()[-1500:] for kind in missing)
            assert time.monotonic() < deadline, f"not {what} within {seconds} s: {missing}\n{logs}"
            time.sleep(0.1)

    def beats(self, name: str) -> None:
        """Wait until each has touched it anew."""
        before = {kind: self.beat(kind, name) for kind in KINDS}
        self.until(lambda kind: self.beat(kind, name) > before[kind], name)

    def stands_still(self) -> None:
        """Wait until each lives for three beats without being ready once."""
        seen = {kind: (self.beat(kind, READY), self.beat(kind, ALIVE), 0) for kind in KINDS}

        def still(kind: str) -> bool:
            ready, alive, count = seen[kind]
            now = (self.beat(kind, READY), self.beat(kind, ALIVE))
            if now[0] != ready:
                seen[kind] = (*now, 0)
            elif now[1] != alive:
                seen[kind] = (*now, count + 1)
            return seen[kind][2] >= 3

        self.until(still, "alive and not ready")


@pytest.fixture
def watched(redis_server: RedisServer, tmp_path: Path) -> Iterator[Watched]:
    processes = [start(kind, tmp_path, redis_server.url) for kind in KINDS]
    yield Watched(tmp_path)
    for process in processes:
        process.kill()
        process.wait(10)


async def workers(redis_url: str) -> set[str]:
    """Who runs models; heartbeats of a machine that stalls may be late."""
    fleet = FleetView(RedisSettings(redis_url=redis_url), QueueSettings())
    deadline = time.monotonic() + 60
    found: set[str] = set()
    while not found and time.monotonic() < deadline:
        found = {worker.id for worker in (await fleet.snapshot(fresh=True)).workers}
        await asyncio.sleep(0.1)
    await fleet.close()
    return found


async def test_pulses_tell_work_from_mere_life(watched: Watched, redis_server: RedisServer) -> None:
    watched.beats(READY)
    assert await workers(redis_server.url) == {"inference"}, "one runs models"
    redis_server.stop()
    watched.stands_still()
    redis_server.start()
    watched.beats(READY)
