"""A client that hangs up: its synchronous inference stops, whatever else it began goes on.

aiohttp's TestServer cancels handlers as ``api_service.__main__`` has it do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from aiohttp.test_utils import TestClient

from shared.jobs import Job, JobRecord, JobResult, Terms
from tests.unit.api.fakes import MemoryQueue


class SlowQueue(MemoryQueue):
    """Takes its time, and notes who was canceled and who came to the end."""

    def __init__(self) -> None:
        super().__init__()
        self.story: list[str] = []
        self.told = asyncio.Event()

    async def call(self, jobs: Sequence[Job]) -> list[JobResult]:
        await self._slowly("call", 30)
        return await super().call(jobs)

    async def submit(self, job: Job, terms: Terms | None = None) -> JobRecord:
        await self._slowly("submit", 0.3)
        return await super().submit(job, terms)

    async def _slowly(self, what: str, seconds: float) -> None:
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            self.story.append(f"{what} canceled")
            raise
        else:
            self.story.append(f"{what} done")
        finally:
            self.told.set()


@pytest.fixture
def queue() -> SlowQueue:
    return SlowQueue()


async def leave(client: TestClient, path: str, **request: object) -> None:
    asking = asyncio.create_task(client.post(path, **request))
    await asyncio.sleep(0.1)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


@pytest.mark.parametrize("path", ["/infer/object_detection", "/team/7"])
async def test_inference_stops(client: TestClient, queue: SlowQueue, jpeg: dict, path: str) -> None:
    body = {"model_id": "team/7", "image": jpeg} if path.startswith("/infer") else None
    await leave(client, path, **({"json": body} if body else {"data": jpeg["value"]}))
    await asyncio.wait_for(queue.told.wait(), 5)
    assert queue.story == ["call canceled"]
    text = await (await client.get("/metrics")).text()
    assert 'status="499"' in text


async def test_an_asynchronous_job_is_accepted_nevertheless(client: TestClient, queue: SlowQueue, jpeg: dict) -> None:
    await leave(client, "/v1/jobs", json={"model": "team/7", "image": jpeg})
    await asyncio.wait_for(queue.told.wait(), 5)
    assert queue.story == ["submit done"]
    assert len(queue.records) == 1
