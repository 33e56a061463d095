"""The API as a process, with a real Redis: drain, outage, several processes, slow clients."""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import psutil
import pytest

from tests.redis_server import RedisServer

pytestmark = pytest.mark.integration

PENDING = {
    "model": "shapes-detector",
    "image": {"type": "base64", "value": base64.b64encode(b"\xff\xd8").decode()},
    "allow_pending": True,
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def api(redis_url: str, **settings: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """A running API process and its base URL."""
    port = free_port()
    environment = {
        **os.environ,
        "VISIONFLEET_REDIS_URL": redis_url,
        "VISIONFLEET_PORT": str(port),
        **{f"VISIONFLEET_{name.upper()}": value for name, value in settings.items()},
    }
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "api_service", env=environment)
    base = f"http://127.0.0.1:{port}"
    try:
        await until_up(base)
        yield process, base
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), 20)


async def until_up(base: str) -> None:
    async with aiohttp.ClientSession() as session:
        for _ in range(1200):
            try:
                async with session.get(f"{base}/healthz"):
                    return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.05)
    raise TimeoutError(base)


async def test_sigterm_finishes_what_runs(redis_url: str) -> None:
    async with api(redis_url) as (process, base), aiohttp.ClientSession() as session:
        async with session.post(f"{base}/v1/jobs", json=PENDING) as accepted:
            assert accepted.status == 202
            location = accepted.headers["Location"]
        waiting = asyncio.create_task(session.get(f"{base}{location}?wait=2"))
        await asyncio.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.5)
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.get(f"{base}/healthz", headers={"Connection": "close"}, timeout=aiohttp.ClientTimeout(1))
        answer = await waiting
        assert (answer.status, (await answer.json())["state"]) == (200, "queued")
        assert await asyncio.wait_for(process.wait(), 5) == 0


async def test_redis_outage_is_503_and_over_when_it_is_over(redis_server: RedisServer) -> None:
    async with api(redis_server.url) as (_, base), aiohttp.ClientSession() as session:
        async with session.post(f"{base}/v1/jobs", json=PENDING) as accepted:
            assert accepted.status == 202
        redis_server.kill()
        await asyncio.sleep(1)  # the fleet's snapshot is kept for half a second
        async with session.post(f"{base}/v1/jobs", json=PENDING) as refused:
            assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
            assert (await refused.json(content_type="application/problem+json"))["code"] == "queue_unavailable"
        async with session.get(f"{base}/healthz") as alive:
            assert alive.status == 200
        redis_server.start()
        for _ in range(50):
            async with session.post(f"{base}/v1/jobs", json=PENDING) as again:
                if again.status == 202:
                    return
            await asyncio.sleep(0.1)
        pytest.fail("the API did not come back after Redis did")


async def test_a_killed_process_leaves_the_others_and_is_replaced(redis_url: str) -> None:
    async with api(redis_url, processes="2") as (process, base):
        children = await children_of(process.pid)
        assert len(children) == 2
        os.kill(children[0], signal.SIGKILL)
        for _ in range(100):
            await asyncio.sleep(0.1)
            now = await children_of(process.pid)
            if len(now) == 2 and children[0] not in now:
                break
        else:
            pytest.fail("no new process took the place of the killed one")
        await until_up(base)


async def test_children_leave_with_their_parent(redis_url: str) -> None:
    async with api(redis_url, processes="2") as (process, _):
        children = await children_of(process.pid)
        process.kill()
        for _ in range(100):
            await asyncio.sleep(0.1)
            if not any(alive(pid) for pid in children):
                return
        pytest.fail("the servers outlived their parent")


@pytest.mark.parametrize("processes", ["1", "2"])
async def test_a_port_in_use_is_said_in_one_line(redis_url: str, processes: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        environment = {
            **os.environ,
            "VISIONFLEET_REDIS_URL": redis_url,
            "VISIONFLEET_PORT": str(taken.getsockname()[1]),
            "VISIONFLEET_PROCESSES": processes,
        }
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "api_service"), env=environment, stderr=asyncio.subprocess.PIPE
        )
        _, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 3
    assert b"api.cannot_listen" in errors
    assert b"Traceback" not in errors


def alive(pid: int) -> bool:
    """Whether the process runs; without an init nobody collects it after its end."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


async def children_of(pid: int) -> list[int]:
    return [child.pid for child in psutil.Process(pid).children()]


async def test_a_client_that_never_finishes_its_head_is_cut_off(redis_url: str) -> None:
    async with api(redis_url, keepalive_timeout_s="1") as (_, base):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(base.rsplit(":", 1)[1]))
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
        for _ in range(8):
            await asyncio.sleep(0.25)
            if reader.at_eof():
                break
            writer.write(b"X-Slow: 1\r\n")
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()


async def test_a_client_that_never_finishes_its_body_gets_408(redis_url: str) -> None:
    async with api(redis_url, body_timeout_s="0.5") as (_, base):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(base.rsplit(":", 1)[1]))
        writer.write(b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{")
        assert (await asyncio.wait_for(reader.readline(), 5)).startswith(b"HTTP/1.1 408")
        writer.close()


async def test_a_server_that_leaves_says_so_and_still_accepts(redis_url: str) -> None:
    async with api(redis_url, linger_s="60") as (process, url), aiohttp.ClientSession() as session:
        process.send_signal(signal.SIGTERM)
        for _ in range(600):
            if await status(session, f"{url}/healthz") == 503:
                break
            await asyncio.sleep(0.05)
        assert await status(session, f"{url}/readiness") == 503
        assert await status(session, f"{url}/info") == 200, "on a connection of its own"
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 30) == 0


async def status(session: aiohttp.ClientSession, url: str) -> int:
    """The status of a GET that is the only one of its connection."""
    async with session.get(url, headers={"Connection": "close"}) as answer:
        return answer.status
