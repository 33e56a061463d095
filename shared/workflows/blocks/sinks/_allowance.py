"""How many pictures may still be uploaded: counted in Redis for all workers, or in the session where there is none."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

from shared import keys
from shared.datasets.allowance import GIVE, TAKE, WINDOWS
from shared.errors import QueueUnavailable
from shared.redis import Call, RedisError, SyncRedis, run
from shared.workflows.services import Services

NAMESPACE = "upload allowance"


class Allowance:
    """The allowance of one quota at this moment; ``limits`` by window: minutely, hourly, daily."""

    def __init__(self, services: Services, project: str, quota: str, limits: Mapping[str, int]) -> None:
        dataset, now = sha256(project.encode()).hexdigest()[:16], services.now()
        self._services = services
        self._counters = [
            (keys.dataset_usage(dataset, sha256(quota.encode()).hexdigest()[:16], now.strftime(pattern)), limit, kept_s)
            for window, limit in limits.items()
            for pattern, kept_s in [WINDOWS[window]]
        ]

    def take(self) -> bool:
        """One picture from each window, or from none when one is used up. Raises QueueUnavailable."""
        names = [name for name, _, _ in self._counters]
        if self._services.redis is not None:
            numbers = [value for _, limit, kept_s in self._counters for value in (limit, kept_s * 1000)]
            return bool(_run(self._services.redis, TAKE(names, *numbers)))
        memory = self._services.memory
        with self._services.lock:
            if any(memory.get((NAMESPACE, name), 0) >= limit for name, limit, _ in self._counters):
                return False
            for name in names:
                memory[NAMESPACE, name] = memory.get((NAMESPACE, name), 0) + 1
            return True

    def give_back(self) -> None:
        """Undo a ``take``. Raises QueueUnavailable."""
        names = [name for name, _, _ in self._counters]
        if self._services.redis is not None:
            _run(self._services.redis, GIVE(names))
            return
        with self._services.lock:
            for name in names:
                self._services.memory[NAMESPACE, name] -= 1


def _run(client: SyncRedis, call: Call) -> object:
    try:
        (answer,) = run(client, [call])
    except (RedisError, OSError) as error:
        raise QueueUnavailable("The counters of uploads cannot be reached; try again in a moment.") from error
    if isinstance(answer, RedisError):
        raise QueueUnavailable("The counters of uploads cannot be written.") from answer
    return answer
