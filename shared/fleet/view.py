"""The fleet as the API sees it: read from Redis, kept for half a second, the same for every replica."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Any

from shared import keys
from shared.errors import QueueUnavailable
from shared.fleet.state import Fleet, ModelInfo, QueueInfo, WorkerInfo, decoded
from shared.queue import scripts
from shared.redis import RedisError, connect_async, run_async
from shared.settings import QueueSettings, RedisSettings

CACHE_S = 0.5


class FleetView:
    """Reads the fleet's state and marks models as active."""

    def __init__(self, redis: RedisSettings, queue: QueueSettings) -> None:
        self._client = connect_async(redis)
        self._lease_ms = queue.lease_ms
        self._lock = asyncio.Lock()
        self._fleet = Fleet()
        self._read_at = float("-inf")

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def snapshot(self, *, fresh: bool = False) -> Fleet:
        """The fleet, at most half a second old unless ``fresh``. Raises QueueUnavailable."""
        if not fresh and time.monotonic() - self._read_at < CACHE_S:
            return self._fleet
        async with self._lock:
            if fresh or time.monotonic() - self._read_at >= CACHE_S:
                try:
                    self._fleet = await self._read()
                except (RedisError, OSError) as error:
                    raise QueueUnavailable("The fleet's state cannot be read; try again in a moment.") from error
                self._read_at = time.monotonic()
        return self._fleet

    async def activate(self, model_id: str) -> None:
        """List the model in the registry of every replica. Raises QueueUnavailable."""
        pipe: Any = self._client.pipeline()
        pipe.hset(keys.ACTIVE, model_id, await self._now_ms()).hdel(keys.REMOVED, model_id)
        await self._write(pipe)

    async def deactivate(self, *model_ids: str) -> None:
        """Take the models out of the registry; every worker that loaded them before now drops them."""
        if not model_ids:
            return
        now = await self._now_ms()
        pipe: Any = self._client.pipeline()
        pipe.hdel(keys.ACTIVE, *model_ids).hset(keys.REMOVED, mapping=dict.fromkeys(model_ids, now))
        await self._write(pipe)

    async def clear_active(self) -> None:
        """Empty the registry and every worker's cache (pinned models stay)."""
        fleet = await self.snapshot(fresh=True)
        await self.deactivate(*fleet.models)

    async def _now_ms(self) -> int:
        try:
            seconds, micros = await self._client.time()
        except (RedisError, OSError) as error:
            raise QueueUnavailable("The fleet's state cannot be changed; try again in a moment.") from error
        return int(seconds) * 1000 + int(micros) // 1000

    async def _write(self, pipe: Any) -> None:
        try:
            await pipe.execute()
        except (RedisError, OSError) as error:
            raise QueueUnavailable("The fleet's state cannot be changed; try again in a moment.") from error
        self._read_at = float("-inf")

    async def _read(self) -> Fleet:
        pipe: Any = self._client.pipeline(transaction=False)
        pipe.zrange(keys.WORKERS, 0, -1).smembers(keys.QUEUES).hkeys(keys.ACTIVE)
        for tag in keys.HARDWARE_TAGS:
            pipe.hvals(keys.catalog(tag))
        ids, streams, active, *catalogs = await pipe.execute()
        workers = await self._workers(ids)
        models = _merge(catalogs, workers)
        queues = await self._queues(streams)
        for queue in queues:
            takers = [worker for worker in workers if queue.hardware in (keys.ANY_HARDWARE, worker.hardware)]
            queue.rate = sum(worker.rates.get(queue.model, 0.0) for worker in takers)
        return Fleet(workers, models, queues, {name.decode() for name in active} & set(models))

    async def _workers(self, ids: Iterable[bytes]) -> list[WorkerInfo]:
        names = [keys.worker(worker.decode()) for worker in ids]
        values: Any = await self._client.mget(names) if names else []
        return sorted(decoded(WorkerInfo, values), key=lambda worker: (worker.hardware, worker.id))

    async def _queues(self, streams: Iterable[bytes]) -> list[QueueInfo]:
        names = keys.queues_in(streams)
        if not names:
            return []
        (rows,) = await run_async(self._client, [scripts.SURVEY(names, keys.GROUP, self._lease_ms)])
        if isinstance(rows, RedisError):
            raise rows
        return [
            QueueInfo(*keys.parse_queue(name), waiting, running, size, oldest)
            for name, (waiting, running, _, size, oldest) in zip(names, rows, strict=True)
        ]


def _merge(catalogs: Iterable[Iterable[bytes]], workers: list[WorkerInfo]) -> dict[str, ModelInfo]:
    models: dict[str, ModelInfo] = {}
    alive = {worker.hardware for worker in workers}
    for tag, catalog in zip(keys.HARDWARE_TAGS, catalogs, strict=True):
        for info in decoded(ModelInfo, catalog):
            model = models.setdefault(info.id, info)
            if tag in alive and tag in model.hardware:
                model.available_on.append(tag)
    for worker in workers:
        for held in worker.held:
            if held["id"] in models:
                models[held["id"]].loaded_on.append(worker.id)
    return dict(sorted(models.items()))
