"""One worker and one stream service for the tests of a file; what a test breaks is mended when the next begins."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from tests.cameras.camera import Camera
from tests.integration.streams.system import System
from tests.redis_server import RedisServer, free_port


@pytest.fixture(scope="session")
def stream_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def processes(stream_redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    system = System(stream_redis.url, tmp_path_factory.mktemp("streams"))
    system.worker()
    system.streams()
    yield system
    system.kill()


@pytest.fixture
async def system(processes: System) -> AsyncIterator[System]:
    """The system, ready; its streams are ended after the test."""
    processes.connect()
    await processes.ready()
    yield processes
    for stream in await processes.store.all():
        await processes.store.terminate(stream.id)
    await processes.disconnect()
    await asyncio.sleep(0)


@pytest.fixture(scope="session")
def camera() -> Iterator[Camera]:
    with Camera() as started:
        yield started


@pytest.fixture(scope="session")
def address(processes: System) -> str:
    port = free_port()
    processes.start("api_service", VISIONFLEET_PORT=str(port))
    return f"http://127.0.0.1:{port}"


@pytest.fixture
async def http(system: System, address: str) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(address, timeout=aiohttp.ClientTimeout(60)) as session:

        async def answers() -> bool:
            try:
                async with session.get("/v1/streams") as answer:
                    return bool((await answer.json())["services"])
            except aiohttp.ClientError:
                return False

        await system.until(answers, "the API")
        yield session
