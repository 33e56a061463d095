"""Wishes for models: the API writes them, a worker fulfils each, and what failed is told for a while.

A wish is one key per model: ``wanted`` until the model is there, or the error that its fetching met. A worker that
fetches holds a lease beside it, so that a lost worker's wish is taken up by another.
"""

from __future__ import annotations

from typing import Any

import msgpack

from shared import keys
from shared.errors import QueueUnavailable, VisionfleetError, from_dict
from shared.redis import AsyncRedis, RedisError, SyncRedis

WANTED = b"wanted"
WANTED_MS = 3_600_000
FAILED_MS = 30_000
LEASE_MS = 15_000


async def wish(client: AsyncRedis, model_id: str) -> VisionfleetError | None:
    """Want a model; the error when it was tried lately and failed. Raises QueueUnavailable."""
    redis: Any = client
    try:
        pipe = redis.pipeline()
        pipe.set(keys.fetch(model_id), WANTED, nx=True, px=WANTED_MS).sadd(keys.FETCHES, model_id)
        await pipe.execute()
        return _error(await redis.get(keys.fetch(model_id)))
    except (RedisError, OSError) as error:
        raise QueueUnavailable("Redis does not answer; try again in a moment.") from error


def open_wishes(client: SyncRedis) -> list[str]:
    """Models that are wanted and that nobody fetches. Raises RedisError."""
    redis: Any = client
    found = [one.decode() for one in redis.smembers(keys.FETCHES)]
    states = redis.mget([keys.fetch(one) for one in found]) if found else []
    gone = [one for one, state in zip(found, states, strict=True) if state is None]
    if gone:
        redis.srem(keys.FETCHES, *gone)
    wanted = [one for one, state in zip(found, states, strict=True) if state == WANTED]
    leases = redis.mget([keys.fetch_lease(one) for one in wanted]) if wanted else []
    return [one for one, lease in zip(wanted, leases, strict=True) if lease is None]


def take(client: SyncRedis, model_id: str, owner: str) -> bool:
    """Take a wish up; False when somebody else has, or nobody wants it any more. Raises RedisError."""
    redis: Any = client
    return redis.get(keys.fetch(model_id)) == WANTED and bool(
        redis.set(keys.fetch_lease(model_id), owner, nx=True, px=LEASE_MS)
    )


def renew(client: SyncRedis, model_id: str, owner: str) -> None:
    """Go on holding it. Raises RedisError."""
    redis: Any = client
    if redis.get(keys.fetch_lease(model_id)) == owner.encode():
        redis.pexpire(keys.fetch_lease(model_id), LEASE_MS)


def settle(client: SyncRedis, model_id: str, error: VisionfleetError | None) -> None:
    """The model is there, or why not. Raises RedisError."""
    redis: Any = client
    pipe = redis.pipeline()
    if error is None:
        pipe.delete(keys.fetch(model_id))
    else:
        pipe.set(keys.fetch(model_id), msgpack.packb(error.to_dict()), px=FAILED_MS)
    pipe.srem(keys.FETCHES, model_id).delete(keys.fetch_lease(model_id)).execute()


def release(client: SyncRedis, model_id: str) -> None:
    """Leave it to others. Raises RedisError."""
    redis: Any = client
    redis.delete(keys.fetch_lease(model_id))


def _error(state: bytes | None) -> VisionfleetError | None:
    if state is None or state == WANTED:
        return None
    return from_dict(msgpack.unpackb(state))
