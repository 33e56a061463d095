"""Several worker processes of one command: all serve, the dead are replaced, and none outlives its parent."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from shared.fleet.state import WorkerInfo
from shared.fleet.view import FleetView
from shared.settings import QueueSettings, RedisSettings
from tests.redis_server import RedisServer

pytestmark = [pytest.mark.integration, pytest.mark.timeout(480)]
ROOT = Path(__file__).resolve().parents[2]
HEALTHY = ("bash", str(ROOT / "deploy" / "docker" / "healthy"), "pulse", "ready")


def healthy(folder: Path, seconds: int) -> bool:
    variables = {**os.environ, "VISIONFLEET_PULSE_DIR": str(folder / "pulse")}
    return subprocess.run([*HEALTHY, str(seconds)], env=variables, check=False).returncode == 0


def start(folder: Path, redis_url: str) -> subprocess.Popen[bytes]:
    variables = {
        "PYTHONPATH": str(ROOT),
        "VISIONFLEET_REDIS_URL": redis_url,
        "VISIONFLEET_PULSE_DIR": str(folder / "pulse"),
        "VISIONFLEET_DATA_DIR": str(folder / "data"),
        "VISIONFLEET_MODEL_DIRS": str(folder),
        "VISIONFLEET_WORKER_NAME": "pair",
        "VISIONFLEET_WORKER_PROCESSES": "2",
        "VISIONFLEET_WORKER_ROLE": "inference",
    }
    with (folder / "log").open("wb") as log:
        command = [sys.executable, "-m", "worker_service"]
        return subprocess.Popen(command, cwd=folder, env={**os.environ, **variables}, stdout=log, stderr=log)


async def when(redis_url: str, wanted: Callable[[dict[str, WorkerInfo]], bool]) -> dict[str, int]:
    """Process ids by name, once the ready workers are as wanted."""
    fleet = FleetView(RedisSettings(redis_url=redis_url), QueueSettings())
    deadline = time.monotonic() + 180
    try:
        while time.monotonic() < deadline:
            workers = (await fleet.snapshot(fresh=True)).workers
            found = {worker.id: worker for worker in workers if worker.state == "ready"}
            if wanted(found):
                return {name: worker.pid for name, worker in found.items()}
            await asyncio.sleep(0.2)
        raise AssertionError(f"not so in three minutes: {found}")
    finally:
        await fleet.close()


async def test_the_dead_are_replaced_and_all_end_with_their_parent(redis_server: RedisServer, tmp_path: Path) -> None:
    parent = start(tmp_path, redis_server.url)
    try:
        before = await when(redis_server.url, lambda found: set(found) == {"pair-1", "pair-2"})
        assert {psutil.Process(pid).ppid() for pid in before.values()} == {parent.pid}
        assert healthy(tmp_path, 60)
        os.kill(before["pair-1"], signal.SIGKILL)
        after = await when(
            redis_server.url,
            lambda found: len(found) == 2 and found["pair-1"].pid != before["pair-1"],
        )
        assert after["pair-2"] == before["pair-2"]
        stale = tmp_path / "pulse" / "3"
        stale.mkdir()
        (stale / "ready").touch()
        os.utime(stale / "ready", (0, 0))
        assert not healthy(tmp_path, 60), "one of three does not work"
        parent.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(parent.wait, 120) == 0
        assert not any(map(psutil.pid_exists, after.values()))
    finally:
        parent.kill()
        parent.wait(10)


async def test_children_end_when_their_parent_is_killed(redis_server: RedisServer, tmp_path: Path) -> None:
    parent = start(tmp_path, redis_server.url)
    children = [psutil.Process(pid) for pid in (await when(redis_server.url, lambda found: len(found) == 2)).values()]
    parent.kill()
    parent.wait(10)
    _, alive = await asyncio.to_thread(psutil.wait_procs, children, 120)
    assert alive == []
