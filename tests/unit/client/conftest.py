from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from visionfleet import AsyncClient, Client, RetryPolicy

from tests.unit.client.answers import CLASSES, DETECTIONS, FLEET, MODELS
from tests.unit.client.fake_server import Answer, FakeServer


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """Serves a detector ``shapes`` and a classifier ``pets``."""
    fake = FakeServer()
    fake.answer("/v1/models", Answer(MODELS))
    fake.answer("/v1/fleet", Answer(FLEET))
    timings = {"X-Visionfleet-Timings": "queue=0.500;infer=3.000"}
    fake.answer("/infer/object_detection", Answer(DETECTIONS, headers=timings))
    fake.answer("/infer/classification", Answer(CLASSES))
    yield fake
    fake.close()


@pytest.fixture
def client(server: FakeServer) -> Iterator[Client]:
    with Client(server.url, timeout=5, retry=RetryPolicy(retries=3, base_s=0.01)) as made:
        yield made


@pytest.fixture
async def waiting(server: FakeServer) -> AsyncIterator[AsyncClient]:
    """The asynchronous client."""
    async with AsyncClient(server.url, timeout=5, retry=RetryPolicy(retries=3, base_s=0.01)) as made:
        yield made
