"""One worker and one stream service for the tests of a file; what a test breaks is mended when the next begins."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.cameras.camera import Camera
from tests.integration.streams.system import System
from tests.redis_server import RedisServer


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
