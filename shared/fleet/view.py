"""The fleet as the API sees it: read from Redis, the same for every replica.

What was read is served for half a second as it is, then for a little longer while a new reading is under way, so that
no request waits for it. The registry is never older than the request, because clients look there for what another
replica has just written.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import structlog

from shared import keys
from shared.errors import QueueUnavailable
from shared.fleet.state import Fleet, ModelInfo, QueueInfo, WorkerInfo, decoded
from shared.queue import scripts
from shared.redis import RedisError, connect_async, run_async
from shared.settings import QueueSettings, RedisSettings

log = structlog.get_logger(__name__)
FRESH_S = 0.5
"""A reading this old is served as it is."""
STALE_S = 2.0
"""An older one up to this is served too, while the next is under way."""


class FleetView:
    """Reads the fleet's state and marks models as active."""

    def __init__(self, redis: RedisSettings, queue: QueueSettings) -> None:
        self._client = connect_async(redis)
        self._lease_ms = queue.lease_ms
        self._lock = asyncio.Lock()
        self._fleet = Fleet()
        self._read_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])
        await self._client.aclose()

    async def snapshot(self, *, fresh: bool = False) -> Fleet:
        """The fleet, at most about two seconds old unless ``fresh``. Raises QueueUnavailable."""
        age = time.monotonic() - self._read_at
        if fresh or age >= STALE_S:
            await self._renew(fresh=fresh)
        elif age >= FRESH_S and self._reading is None:
            self._reading = asyncio.create_task(self._renew_behind())
        return self._fleet

    async def listed(self) -> Fleet:
        """The fleet with the registry as it is now, whichever replica wrote to it last. Raises QueueUnavailable."""
        fleet = await self.snapshot()
        pipe: Any = self._client.pipeline(transaction=False)
        active, removed = await self._answer(pipe.hkeys(keys.ACTIVE).hkeys(keys.REMOVED))
        if any(fleet.resolve(name.decode()) is None for name in active):  # of a worker that has just come
            fleet = await self.snapshot(fresh=True)
        return replace(fleet, active=_active(active, removed, fleet.models))

    async def activate(self, *names: str) -> None:
        """List models, by id or alias, in the registry of every replica. Raises QueueUnavailable."""
        now = await self._now_ms()
        pipe: Any = self._client.pipeline()
        pipe.hset(keys.ACTIVE, mapping=dict.fromkeys(names, now)).hdel(keys.REMOVED, *names)
        await self._write(pipe)

    async def deactivate(self, *names: str) -> None:
        """Take ids and aliases out of the registry; every worker that loaded the models before now drops them."""
        if not names:
            return
        now = await self._now_ms()
        pipe: Any = self._client.pipeline()
        pipe.hdel(keys.ACTIVE, *names).hset(keys.REMOVED, mapping=dict.fromkeys(names, now))
        await self._write(pipe)

    async def clear_active(self) -> None:
        """Empty the registry and every worker's cache (pinned models stay)."""
        fleet = await self.snapshot(fresh=True)
        await self.deactivate(*fleet.models, *fleet.active.difference(fleet.models))

    async def _renew(self, *, fresh: bool = False) -> None:
        async with self._lock:
            if not fresh and time.monotonic() - self._read_at < FRESH_S:
                return  # somebody else has just done it
            try:
                self._fleet = await self._read()
            except (RedisError, OSError) as error:
                raise QueueUnavailable("The fleet's state cannot be read; try again in a moment.") from error
            self._read_at = time.monotonic()

    async def _renew_behind(self) -> None:
        """When it fails, what there is counts as too old: the next request reads itself, and is told."""
        try:
            await self._renew()
        except QueueUnavailable as error:
            self._read_at = float("-inf")
            log.debug("fleet.not_read", error=error.code)
        finally:
            self._reading = None

    async def _now_ms(self) -> int:
        try:
            seconds, micros = await self._client.time()
        except (RedisError, OSError) as error:
            raise QueueUnavailable("The fleet's state cannot be changed; try again in a moment.") from error
        return int(seconds) * 1000 + int(micros) // 1000

    async def _write(self, pipe: Any) -> None:
        await self._answer(pipe)
        self._read_at = float("-inf")

    async def _answer(self, pipe: Any) -> Any:
        try:
            return await pipe.execute()
        except (RedisError, OSError) as error:
            raise QueueUnavailable("The fleet's state cannot be reached; try again in a moment.") from error

    async def _read(self) -> Fleet:
        pipe: Any = self._client.pipeline(transaction=False)
        pipe.zrange(keys.WORKERS, 0, -1).smembers(keys.QUEUES).hkeys(keys.ACTIVE).hkeys(keys.REMOVED)
        for tag in keys.HARDWARE_TAGS:
            pipe.hvals(keys.catalog(tag))
        for tag in keys.HARDWARE_TAGS:
            pipe.hgetall(keys.speeds(tag))
        ids, streams, active, removed, *found = await pipe.execute()
        catalogs, speeds = found[: len(keys.HARDWARE_TAGS)], found[len(keys.HARDWARE_TAGS) :]
        workers = await self._workers(ids)
        models = _merge(catalogs, workers)
        queues = await self._queues(streams)
        for queue in queues:
            takers = [worker for worker in workers if queue.hardware in (keys.ANY_HARDWARE, worker.hardware)]
            queue.rate = sum(worker.rates.get(queue.model, 0.0) for worker in takers)
        seen = {tag: _speeds(pairs) for tag, pairs in zip(keys.HARDWARE_TAGS, speeds, strict=True)}
        return Fleet(workers, models, queues, _active(active, removed, models), seen)

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
            QueueInfo(*keys.parse_queue(name), waiting, running, size, oldest, stalled=stalled)
            for name, (waiting, running, stalled, size, oldest) in zip(names, rows, strict=True)
        ]


def _speeds(pairs: Mapping[bytes, bytes]) -> dict[str, float]:
    """Jobs per second by model; what is no number is left out."""
    found: dict[str, float] = {}
    for model, value in pairs.items():
        with contextlib.suppress(ValueError):
            found[model.decode(errors="replace")] = float(value)
    return found


def _active(active: Iterable[bytes], removed: Iterable[bytes], models: Mapping[str, ModelInfo]) -> set[str]:
    """What the registry lists: ids and aliases that were asked for, and whatever else is loaded and not removed."""
    names = set(models).union(*(model.aliases for model in models.values()))
    gone = {name.decode() for name in removed}
    loaded = {model.id for model in models.values() if model.loaded_on}
    return ({name.decode() for name in active} & names) | (loaded - gone)


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
