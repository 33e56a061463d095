"""How many pictures a strategy may still collect, counted in Redis for all replicas together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from shared import keys
from shared.datasets.strategy import Limit
from shared.errors import QueueUnavailable
from shared.redis import AsyncRedis, Call, RedisError, Script, run_async

TAKE = Script("dataset_take")
GIVE = Script("dataset_give")
WINDOWS = {"minutely": ("%Y%m%d%H%M", 120), "hourly": ("%Y%m%d%H", 7_200), "daily": ("%Y%m%d", 90_000)}
"""How the moment names the window, and seconds that a counter is kept: its window and some."""
BATCH_KEPT_S = 40 * 86_400
"""Longer than the longest batch is open."""


class Allowance:
    """The limits of one strategy at one moment (UTC); ``batch`` and its limit count too, when there is one."""

    def __init__(self, client: AsyncRedis, dataset: str) -> None:
        self._client, self._dataset = client, dataset

    def counters(
        self, strategy: str, limits: Sequence[Limit], now: datetime, batch: tuple[str, int] | None = None
    ) -> list[tuple[str, int, int]]:
        """(key, limit, seconds to keep) of every counter that a picture is taken from."""
        found = []
        for limit in limits:
            pattern, kept_s = WINDOWS[limit.type]
            key = keys.dataset_usage(self._dataset, strategy, now.strftime(pattern))
            found.append((key, limit.value, kept_s))
        if batch is not None:
            found.append((keys.dataset_usage(self._dataset, "", batch[0]), batch[1], BATCH_KEPT_S))
        return found

    async def take(self, counters: Sequence[tuple[str, int, int]]) -> bool:
        """One picture from each, or from none when one is used up. Raises QueueUnavailable."""
        if not counters:
            return True
        numbers = [value for _, limit, kept_s in counters for value in (limit, kept_s * 1000)]
        return bool(await self._run(TAKE([key for key, _, _ in counters], *numbers)))

    async def give_back(self, counters: Sequence[tuple[str, int, int]]) -> None:
        """Undo a ``take``. Raises QueueUnavailable."""
        if counters:
            await self._run(GIVE([key for key, _, _ in counters]))

    async def _run(self, call: Call) -> object:
        try:
            (answer,) = await run_async(self._client, [call])
        except (RedisError, OSError) as error:
            raise QueueUnavailable("The counters of the dataset cannot be reached; try again in a moment.") from error
        if isinstance(answer, RedisError):
            raise QueueUnavailable("The counters of the dataset cannot be written.") from answer
        return answer
