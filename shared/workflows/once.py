"""A run with sinks is never repeated after one has fired: the first attempt that is about to act claims the run."""

from __future__ import annotations

from typing import Any

from shared import keys
from shared.errors import NotRepeated, QueueUnavailable
from shared.redis import RedisError, SyncRedis

KEPT_MS = 86_400_000
ACTED = NotRepeated(
    "An earlier attempt of this run was interrupted after its sinks had begun to act; it is not repeated."
)


class Once:
    """The claims, in Redis. Raises QueueUnavailable when it is away: then nothing acts."""

    def __init__(self, client: SyncRedis) -> None:
        self._client = client

    def claim(self, job_id: str, attempt: int, timeout_ms: int) -> None:
        """Called before the first effect. Raises NotRepeated when another attempt has acted."""
        key = keys.fired(job_id)
        try:
            if self._client.set(key, attempt, nx=True, px=timeout_ms + KEPT_MS):
                return
            found: Any = self._client.get(key)
        except (RedisError, OSError) as error:
            raise QueueUnavailable("The sink did not act, because Redis does not answer.") from error
        if found is not None and int(found) != attempt:
            raise ACTED

    def check(self, job_id: str, attempt: int) -> None:
        """Called before a run that is not the first attempt. Raises NotRepeated when an earlier one has acted."""
        if attempt <= 1:
            return
        try:
            found: Any = self._client.get(keys.fired(job_id))
        except (RedisError, OSError) as error:
            raise QueueUnavailable("Redis does not answer.") from error
        if found is not None:
            raise ACTED
