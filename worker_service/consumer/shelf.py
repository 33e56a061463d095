"""What models remember of images, shared by the workers of a pool through Redis: see ``engine/remembered.py``.

Bounded in bytes and in time. Redis that is away or full costs an embedding made twice, never an answer.
"""

from __future__ import annotations

import structlog

from shared import keys
from shared.redis import RedisError, Script, SyncRedis, run
from worker_service.consumer.settings import ConsumerSettings

log = structlog.get_logger(__name__)

PUT = Script("shelf_put")
GET = Script("shelf_get")


class RedisShelf:
    """A ``Shelf``. Safe from several threads."""

    def __init__(self, client: SyncRedis, settings: ConsumerSettings) -> None:
        self._client = client
        self._max_bytes = settings.shared_remembered_bytes
        self._life_ms = int(settings.shared_remembered_ttl_s * 1000)

    def get(self, key: str) -> bytes | None:
        """What some worker has put there."""
        try:
            (found,) = run(self._client, [GET(keys.remembered(key), key, self._life_ms)])
        except RedisError as error:
            log.warning("shelf.unreadable", error=type(error).__name__)
            return None
        return found if isinstance(found, bytes) else None

    def put(self, key: str, data: bytes) -> None:
        """Keep it, for all workers."""
        if len(data) > self._max_bytes:
            return
        call = PUT(keys.remembered(key), key, data, self._max_bytes, self._life_ms, keys.REMEMBERED)
        try:
            (answer,) = run(self._client, [call])
        except RedisError as error:
            answer = error
        if isinstance(answer, Exception):  # out of memory, say
            log.warning("shelf.unwritable", error=type(answer).__name__)
