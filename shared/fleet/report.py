"""The worker's side of the fleet's state: heartbeat, catalogue, claims. For threads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shared import keys
from shared.fleet.state import ModelInfo, WorkerInfo, decoded, encode
from shared.redis import SyncRedis

WORKER_TTL_MS = 6_000
CATALOG_TTL_MS = 60_000
ADOPT_TTL_MS = 600_000
SPEEDS_TTL_MS = 30 * 86_400_000


class FleetReporter:
    """What one worker writes. Every method raises RedisError when Redis is away."""

    def __init__(self, client: SyncRedis) -> None:
        self._client = client

    def now_ms(self) -> int:
        """Redis's clock, ms since the epoch."""
        answer: Any = self._client.time()
        return int(answer[0]) * 1000 + int(answer[1]) // 1000

    def beat(self, worker: WorkerInfo, catalog: Sequence[ModelInfo]) -> None:
        """Write the heartbeat and the models that this worker can serve; forget workers gone for a minute."""
        worker.seen_ms = self.now_ms()
        pipe: Any = self._client.pipeline()
        pipe.set(keys.worker(worker.id), encode(worker), px=WORKER_TTL_MS)
        pipe.zadd(keys.WORKERS, {worker.id: worker.seen_ms})
        pipe.zremrangebyscore(keys.WORKERS, 0, worker.seen_ms - CATALOG_TTL_MS)
        if catalog:
            key = keys.catalog(worker.hardware)
            pipe.hset(key, mapping={model.id: encode(model) for model in catalog}).pexpire(key, CATALOG_TTL_MS)
        if worker.speeds:
            key = keys.speeds(worker.hardware)
            pipe.hset(key, mapping={model: f"{speed:.6g}" for model, speed in worker.speeds.items()})
            pipe.pexpire(key, SPEEDS_TTL_MS)
        pipe.execute()

    def forget(self, worker_id: str) -> None:
        """The worker has drained and leaves."""
        pipe: Any = self._client.pipeline()
        pipe.delete(keys.worker(worker_id)).zrem(keys.WORKERS, worker_id)
        pipe.execute()

    def drop_models(self, hardware: str, model_ids: Sequence[str]) -> None:
        """Take models out of the catalogue whose folders are gone."""
        if model_ids:
            self._client.hdel(keys.catalog(hardware), *model_ids)

    def others(self, worker_id: str) -> list[WorkerInfo]:
        """All other live workers."""
        ids: Any = self._client.zrange(keys.WORKERS, 0, -1)
        names = [keys.worker(name.decode()) for name in ids if name.decode() != worker_id]
        values: Any = self._client.mget(names) if names else []
        return decoded(WorkerInfo, values)

    def claim(self, hardware: str, model_id: str, life: str) -> set[str]:
        """Note that a worker begins to load a model; returns the others who began lately and have not ended."""
        key, now = keys.adopt(hardware, model_id), self.now_ms()
        pipe: Any = self._client.pipeline()
        begun, *_ = pipe.hgetall(key).hset(key, life, now).pexpire(key, ADOPT_TTL_MS).execute()
        recent = (name for name, began in begun.items() if int(began) > now - ADOPT_TTL_MS)
        return {name.decode(errors="replace") for name in recent} - {life}

    def unclaim(self, hardware: str, model_id: str, life: str) -> None:
        """The worker has not loaded it, and lives."""
        self._client.hdel(keys.adopt(hardware, model_id), life)

    def loaded(self, hardware: str, model_id: str) -> int:
        """List the model in the registry, drop all claims; returns the time, ms."""
        now = self.now_ms()
        pipe: Any = self._client.pipeline()
        pipe.hset(keys.ACTIVE, model_id, now).delete(keys.adopt(hardware, model_id))
        pipe.execute()
        return now

    def removals(self) -> dict[str, int]:
        """Model id -> ms when its removal was asked for."""
        answer: Any = self._client.hgetall(keys.REMOVED)
        return {name.decode(): int(when) for name, when in answer.items()}
