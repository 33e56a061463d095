"""Limits that Redis keeps: how many streams there are, how large a saved workflow is."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from shared.errors import NoStreamService, StreamsFull, TooLarge
from shared.redis import AsyncRedis, connect_async
from shared.settings import RedisSettings
from shared.streams.ownership import Ownership
from shared.streams.records import Streamer
from shared.streams.settings import StreamLimits
from shared.streams.spec import PipelineSpec
from shared.streams.store import StreamStore
from shared.workflows.store import MAX_BYTES, WorkflowStore

pytestmark = pytest.mark.integration


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[AsyncRedis]:
    made = connect_async(RedisSettings(redis_url=redis_url))
    yield made
    await made.aclose()


def cameras(count: int) -> PipelineSpec:
    return PipelineSpec.model_validate({"sources": [{"reference": f"rtsp://camera/{n}"} for n in range(count)]})


async def test_streams_and_their_sources_are_so_many_at_most(client: AsyncRedis) -> None:
    limits = StreamLimits(stream_max=2)
    store, service = StreamStore(client, limits), Ownership(client, limits, "one", 6.0)
    with pytest.raises(NoStreamService):
        await store.create(cameras(1))
    await service.beat(Streamer("one", sources=3, max_sources=5))
    with pytest.raises(StreamsFull, match="VISIONFLEET_STREAM_MAX_SOURCES"):
        await store.create(cameras(3))
    first = await store.create(cameras(2))
    await store.create(cameras(1))
    with pytest.raises(StreamsFull, match="VISIONFLEET_STREAM_MAX"):
        await store.create(cameras(1))
    await store.terminate(first)
    await store.create(cameras(1))


async def test_a_saved_workflow_is_so_large_at_most(client: AsyncRedis) -> None:
    store = WorkflowStore(client)
    assert await store.save("fits", "", {"x": "a" * (MAX_BYTES - 200)}, "") == 1
    with pytest.raises(TooLarge):
        await store.save("large", "", {"x": "a" * MAX_BYTES}, "")
    assert [one.id for one in await store.listed()] == ["fits"]
