"""The whole application in memory, failing any test that blocks the event loop."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from blockbuster import BlockBuster

from api_service.app import create_app
from api_service.backend import Backend
from api_service.settings import ApiSettings
from shared.streams.store import StreamStore
from tests.unit.api.fakes import MemoryDeadLetters, MemoryFleet, MemoryKeys, MemoryLedger, MemoryQueue

JPEG = b"\xff\xd8 not decoded by the API"


@pytest.fixture(autouse=True, scope="session")
def plain_log() -> None:
    """As in production; structlog's own default prints source lines, which it reads from disk."""
    structlog.configure(processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()])


@pytest.fixture(autouse=True)
def never_blocked() -> Iterator[None]:
    guard = BlockBuster(["api_service", "shared"])
    guard.activate()
    yield
    guard.deactivate()


async def nothing(*_: Any) -> list[Any]:
    return []


@pytest.fixture(autouse=True)
def no_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    """/metrics reads them from Redis, which is not there; redis-py looks at its own files when it connects."""
    monkeypatch.setattr(StreamStore, "all", nothing)
    monkeypatch.setattr(StreamStore, "streamers", nothing)


@pytest.fixture
def queue() -> MemoryQueue:
    return MemoryQueue()


@pytest.fixture
def fleet() -> MemoryFleet:
    return MemoryFleet()


@pytest.fixture
def dead() -> MemoryDeadLetters:
    return MemoryDeadLetters()


@pytest.fixture
def keys() -> MemoryKeys:
    return MemoryKeys()


@pytest.fixture
def settings() -> ApiSettings:
    return ApiSettings(max_body_bytes=64 * 1024, max_images=4, body_timeout_s=0.5, max_wait_s=1, event_heartbeat_s=0.1)


@pytest.fixture
def app(
    settings: ApiSettings, queue: MemoryQueue, fleet: MemoryFleet, dead: MemoryDeadLetters, keys: MemoryKeys
) -> web.Application:
    """Made before the loop runs, as in __main__: it scans folders and reads files."""
    return create_app(settings, Backend(queue, fleet, MemoryLedger(queue), dead, keys))


@pytest.fixture
async def client(app: web.Application) -> AsyncIterator[TestClient]:
    async with TestClient(TestServer(app)) as connected:
        yield connected


@pytest.fixture
def jpeg() -> dict[str, str]:
    """An image as JSON requests carry it."""
    return {"type": "base64", "value": base64.b64encode(JPEG).decode()}
