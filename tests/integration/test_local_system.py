"""The launcher: starts in order, restarts what crashes, drains, leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from deploy.local.errors import CannotStart
from deploy.local.http import NoAnswer, get_json
from deploy.local.settings import LocalSettings
from deploy.local.system import System, answers
from tests.redis_server import RedisServer, free_port

pytestmark = pytest.mark.integration

SERVICE = (sys.executable, str(Path(__file__).with_name("local_service.py")))


def a_system(folder: Path, worker: str = "worker", **settings: object) -> System:
    chosen = LocalSettings(
        **{"port": free_port(), "data_dir": folder, "workers": 1, "drain_timeout_s": 5.0, **settings}
    )  # type: ignore[arg-type]
    return System(chosen, api=(*SERVICE, "api"), worker=(*SERVICE, worker), streams=(*SERVICE, "streams"))


@contextlib.asynccontextmanager
async def running(system: System) -> AsyncIterator[System]:
    try:
        await system.start()
        yield system
    finally:
        await system.stop()


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    for _ in range(int(seconds / 0.05)):
        if condition():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it did not come about")


def alive(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


async def test_start_serves_and_stop_drains_and_leaves_no_process(tmp_path: Path) -> None:
    system = a_system(tmp_path)
    async with running(system):
        pids = [child.pid for child in system.children]
        assert [child.service.name for child in system.children] == ["redis", "api", "worker", "streams"]
        fleet = await asyncio.to_thread(get_json, f"{system.settings.url}/v1/fleet")
        assert fleet["workers"][0]["state"] == "ready"
    assert not any(alive(pid) for pid in pids if pid)
    assert "drained" in (tmp_path / "logs" / "worker.log").read_text()
    assert "drained" in (tmp_path / "logs" / "api.log").read_text()


async def test_a_crashed_service_is_started_again(tmp_path: Path) -> None:
    async with running(a_system(tmp_path)) as system:
        api = system.services[0]
        before = api.pid
        with pytest.raises(NoAnswer):
            await asyncio.to_thread(get_json, f"{system.settings.url}/crash")
        await until(lambda: api.pid not in {None, before})
        assert api.restarts == 1


async def test_redis_comes_back_with_its_data(tmp_path: Path) -> None:
    async with running(a_system(tmp_path)) as system:
        assert system.redis is not None
        assert system.redis.pid is not None
        before, url = system.redis.pid, system.services[0].service.environment["VISIONFLEET_REDIS_URL"]
        os.kill(before, signal.SIGKILL)
        await until(lambda: system.redis is not None and system.redis.pid not in {None, before})
        for _ in range(100):
            if await answers(url):
                break
            await asyncio.sleep(0.05)
        assert await answers(url)


async def test_a_process_that_will_not_drain_is_killed(tmp_path: Path) -> None:
    system = a_system(tmp_path, "stubborn", drain_timeout_s=0.3)
    await system.start()
    pid = system.services[1].pid
    assert pid
    assert not await system.stop()
    assert not alive(pid)


async def test_a_child_that_dies_at_start_shows_its_last_lines(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="worker ended at start") as caught:
        async with running(a_system(tmp_path, "broken")):
            pass
    assert "no such model folder" in caught.value.log


async def test_a_missing_program_is_one_line(tmp_path: Path) -> None:
    system = a_system(tmp_path)
    system._worker = ("/nonexistent/worker",)
    with pytest.raises(CannotStart, match="worker cannot be run"):
        async with running(system):
            pass


async def test_not_ready_in_time_says_so(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="not ready after 1 s"):
        async with running(a_system(tmp_path, start_timeout_s=1.0, workers=2)):
            pass


async def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(CannotStart, match="is in use; stop what uses it or choose another"):
            async with running(a_system(tmp_path, port=other.getsockname()[1])):
                pass


async def test_one_data_folder_serves_one_system(tmp_path: Path) -> None:
    async with running(a_system(tmp_path)):
        with pytest.raises(CannotStart, match="another Visionfleet uses"):
            async with running(a_system(tmp_path)):
                pass


async def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotStart, match="set VISIONFLEET_DATA_DIR"):
        async with running(a_system(tmp_path / "file" / "data")):
            pass


async def test_a_redis_of_ones_own_is_used_and_left_alone(tmp_path: Path, redis_server: RedisServer) -> None:
    async with running(a_system(tmp_path, redis_url=redis_server.url)) as system:
        assert system.redis is None
    assert redis_server.running


async def test_a_redis_of_ones_own_that_is_down_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="the Redis of REDIS_URL does not answer"):
        async with running(a_system(tmp_path, redis_url=f"redis://127.0.0.1:{free_port()}/0")):
            pass
