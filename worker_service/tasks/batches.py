"""The Celery task that splits batches, and the tick that starts it."""

from __future__ import annotations

import asyncio
import shutil
import threading
import time
from functools import cache
from pathlib import Path

import structlog
from celery import shared_task

from shared import keys
from shared.batches import scripts
from shared.batches.settings import BatchSettings
from shared.batches.store import BatchStore
from shared.errors import Unavailable
from shared.redis import AsyncRedis, SyncRedis, connect_async, run
from shared.settings import QueueSettings, RedisSettings
from worker_service.consumer.settings import ConsumerSettings
from worker_service.engine.runtime.profile import load_profile
from worker_service.settings import EngineSettings
from worker_service.tasks.splitter import Splitter
from worker_service.tasks.stop import STOPPING

log = structlog.get_logger(__name__)
EVERY_S = 0.25
QUIET_MS = 500
SWEEP_S = 600.0
LEFT_BEHIND_S = 3_600.0
"""An upload without a batch is removed when nothing came for this long beyond the time that uploads get."""
# One thread is left for the webhooks, however many batches there are.
_slots = threading.Semaphore(ConsumerSettings().task_threads - 1)


@cache
def tags() -> tuple[str, str]:
    """Whose batches this worker splits: its hardware's and anybody's."""
    return load_profile(EngineSettings().profile_path).hardware, keys.ANY_HARDWARE


@shared_task(name="batches.split")  # type: ignore[untyped-decorator] # celery ships no types
def split() -> None:
    """Take up one batch and stay with it until it is over. Without a free slot the batch is left to others."""
    if not _slots.acquire(blocking=False):
        return
    try:
        asyncio.run(_split())
    except Unavailable as away:
        log.warning("batches.interrupted", error=away.message)
    finally:
        _slots.release()


def tick(client: SyncRedis) -> None:
    """Start a splitter for a batch that waits, if this process has a slot for it. Raises RedisError."""
    if not _slots.acquire(blocking=False):
        return
    _slots.release()
    for tag in tags():
        (due,) = run(client, [scripts.TICK([keys.batches_due(tag), keys.tick(f"batches:{tag}")], QUIET_MS)])
        if isinstance(due, Exception):
            raise due
        if due:
            split.apply_async(queue=tag, retry=False)


@shared_task(name="batches.sweep")  # type: ignore[untyped-decorator] # celery ships no types
def sweep() -> None:
    """Remove uploads whose batch was never accepted, or ended while nobody could remove them."""
    try:
        asyncio.run(_sweep())
    except Unavailable as away:
        log.warning("batches.not_swept", error=away.message)


def sweep_tick(client: SyncRedis) -> None:
    """Start a sweep, once in the fleet. Raises RedisError."""
    if client.set(keys.tick("batches:sweep"), "1", nx=True, px=int(SWEEP_S * 1000)):
        sweep.apply_async(queue=tags()[0], retry=False)


async def _sweep() -> None:
    client, settings = connect_async(RedisSettings()), BatchSettings()
    store = BatchStore(client, settings, QueueSettings())
    try:
        for folder in await asyncio.to_thread(_old_uploads, settings):
            if not await store.known(folder.name):
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
    finally:
        await client.aclose()


def _old_uploads(settings: BatchSettings) -> list[Path]:
    before = time.time() - settings.batch_upload_timeout_s - LEFT_BEHIND_S
    if not settings.uploads.is_dir():
        return []
    return [folder for folder in settings.uploads.iterdir() if folder.stat().st_mtime < before]


async def _split() -> None:
    client = connect_async(RedisSettings())
    try:
        await _take_up(client, BatchSettings(), QueueSettings())
    finally:
        await client.aclose()


async def _take_up(client: AsyncRedis, settings: BatchSettings, queue: QueueSettings) -> None:
    store = BatchStore(client, settings, queue)
    batch = await store.claim(tags())
    if batch is None:
        return
    log.info("batch.taken_up", batch=batch.id, attempt=batch.attempt, ended=batch.ended)
    state = await Splitter(client, batch, settings, queue).run(STOPPING.is_set)
    log.info("batch.left", batch=batch.id, state=state)
    if state in ("succeeded", "failed", "canceled"):
        await asyncio.to_thread(shutil.rmtree, settings.uploads / batch.id, ignore_errors=True)
