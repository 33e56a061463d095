"""Splits one batch into jobs of the bulk lane: a bounded window in the queue, results gathered as they come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import structlog

from shared import keys
from shared.batches.batch import Batch
from shared.batches.settings import BatchSettings
from shared.batches.store import BatchStore
from shared.errors import InvalidRequest, JobPoisoned, Unavailable, VisionfleetError
from shared.jobs import Job, Terms
from shared.queue.submission import accepted, refusal, submission
from shared.redis import AsyncRedis, RedisError, run_async
from shared.settings import QueueSettings
from worker_service.tasks.sources.folder import FolderSource, UploadSource
from worker_service.tasks.sources.source import Source, allowed
from worker_service.tasks.sources.urls import UrlSource
from worker_service.tasks.sources.video import VideoSource
from worker_service.tasks.sources.zipped import ZipSource

log = structlog.get_logger(__name__)
STEP_S = 0.05
"""A turn costs Redis about a third of a millisecond, so that one batch takes less than a hundredth of it."""
RETRY_S = 0.5
MOST_ATTEMPTS = 20
"""A batch that was taken up this often without an orderly release loses every worker it meets."""
UNREADABLE = InvalidRequest("The item cannot be read; the worker's log says why.")
LOST = JobPoisoned("Every worker that split this batch was lost.")


class Splitter:
    """One batch, until it is over, or ``stopping``, or somebody else has it."""

    def __init__(self, client: AsyncRedis, batch: Batch, settings: BatchSettings, queue: QueueSettings) -> None:
        self._client = client
        self._batch = batch
        self._settings = settings
        self._queue = queue
        self._store = BatchStore(client, settings, queue)
        self._feeding: set[asyncio.Task[None]] = set()

    async def run(self, stopping: Callable[[], bool]) -> str:
        """Returns the batch's state, "lost" when it is another's, or "released". Raises Unavailable."""
        source: Source | None = None
        try:
            if self._batch.attempt > MOST_ATTEMPTS:
                raise LOST
            source = open_source(self._batch, self._settings)
            await self._plan(source)
            return await self._split(source, stopping)
        except Unavailable:
            raise
        except VisionfleetError as error:
            log.warning("batch.failed", batch=self._batch.id, error=error.message)
            await self._store.fail(self._batch, error)
            return "failed"
        finally:
            for task in self._feeding:
                task.cancel()
            await asyncio.gather(*self._feeding, return_exceptions=True)
            if source is not None:
                await source.close()

    async def _plan(self, source: Source) -> None:
        """Once, even over several attempts: the number of items is written last."""
        if self._batch.total is None:
            names = await source.plan()
            if names is not None:
                await self._store.plan(self._batch, names)

    async def _split(self, source: Source, stopping: Callable[[], bool]) -> str:
        readers = asyncio.Semaphore(source.readers)  # first come, first served: one reader reads in ascending order
        resume = True
        while not stopping():
            turn = await self._store.step(self._batch, resume=resume)
            if turn.state != "running":
                return turn.state
            resume = False
            names = await self._store.names(self._batch, turn.indexes)
            for index in turn.indexes:
                self._begin(self._feed(source, readers, index, names.get(index, "")))
            await asyncio.sleep(STEP_S)
        await self._store.release(self._batch)
        return "released"

    def _begin(self, feeding: Any) -> None:
        task = asyncio.create_task(feeding)
        self._feeding.add(task)
        task.add_done_callback(self._feeding.discard)

    async def _feed(self, source: Source, readers: asyncio.Semaphore, index: int, name: str) -> None:
        """One item: its job is in the queue, or why there is none stands among the results."""
        try:
            async with readers:
                image = await source.read(index, name)
            if image is None:
                await self._persist(lambda: self._store.note(self._batch, index, None))
            else:
                await self._persist(lambda: self._submit(index, image))
        except VisionfleetError as error:
            await self._note(index, error)
        except Exception:
            log.exception("item.failed", batch=self._batch.id, index=index)
            await self._note(index, UNREADABLE)

    async def _note(self, index: int, error: VisionfleetError) -> None:
        await self._persist(lambda: self._store.note(self._batch, index, error))

    async def _submit(self, index: int, image: bytes) -> None:
        batch = self._batch
        job = Job(
            id=batch.job_id(index),
            model=batch.model,
            kind="workflow" if batch.model == keys.WORKFLOW_QUEUE else "infer",
            inputs=[image],
            params=batch.params,
            hardware=batch.hardware,
            lane="bulk",
            timeout_ms=batch.timeout_ms,
            metadata={"batch": batch.id},
            owner=batch.owner,
        )
        try:
            (answer,) = await run_async(self._client, [submission(job, self._queue, Terms())])
        except (RedisError, OSError) as error:
            raise refusal(error) from error
        if isinstance(answer, list) and answer[0] == b"exists":
            return  # an attempt before this one got as far
        accepted(answer)

    async def _persist(self, call: Callable[[], Any]) -> None:
        """Until the queue takes it; who loses the batch meanwhile is canceled."""
        while True:
            try:
                return await call()  # type: ignore[no-any-return]
            except Unavailable:
                await asyncio.sleep(RETRY_S)


def open_source(batch: Batch, settings: BatchSettings) -> Source:
    """Where the batch's images are. Raises InvalidRequest when that is nowhere batches may read."""
    stored = settings.uploads / batch.id
    if batch.kind == "urls":
        return UrlSource(settings)
    if batch.kind == "files":
        return UploadSource(stored, settings)
    if batch.kind == "zip":
        return ZipSource(stored / "0", settings)
    path = stored / "0" if batch.source.get("uploaded") else allowed(batch.source["path"], settings.batch_folders)
    if batch.kind == "folder":
        return FolderSource(path, settings)
    return VideoSource(path, int(batch.source.get("every", 1)), settings)
