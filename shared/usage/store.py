"""What was used, read back: by day, key and model."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Any

from shared import keys
from shared.errors import QueueUnavailable
from shared.redis import AsyncRedis, RedisError

EPOCH = date(1970, 1, 1)
FAR = 1_000_000
"""Days since 1970 beyond which no calendar of Python's goes."""
COUNTS = ("jobs", "failed", "images", "infer_us")
GROUPS = ("day", "key", "model")


@dataclass(frozen=True)
class Asked:
    """Which use to tell, and by what to sum it up. Days are UTC, the last one is included."""

    first: date
    last: date
    key: str | None = None
    model: str | None = None
    by: Collection[str] = GROUPS


@dataclass(frozen=True)
class Row:
    """One line of the account; what it is not grouped by is None. ``key`` "" is without a key."""

    day: date | None
    key: str | None
    model: str | None
    jobs: int
    failed: int
    images: int
    infer_s: float


def today() -> date:
    """The day by UTC."""
    return datetime.now(timezone.utc).date()


class UsageStore:
    """Raises QueueUnavailable when Redis is away."""

    def __init__(self, client: AsyncRedis) -> None:
        self._client = client

    async def rows(self, asked: Asked) -> list[Row]:
        """What was used, by day, key and model as asked, in that order."""
        days = [asked.first + timedelta(number) for number in range((asked.last - asked.first).days + 1)]
        pipe: Any = self._client.pipeline(transaction=True)  # a line that is added to its day meanwhile is seen once
        for day in days:
            pipe.hgetall(keys.usage((day - EPOCH).days))
        pipe.lrange(keys.USAGE_RECENT, 0, -1)
        try:
            *found, recent = await pipe.execute()
        except (RedisError, OSError) as error:
            raise QueueUnavailable("The usage cannot be read; try again in a moment.") from error
        lately = [one for one in map(_of_line, recent) if asked.first <= one[0] <= asked.last]
        return summed_up(asked, [*zip(days, found, strict=True), *lately])


def _of_line(line: bytes) -> tuple[date, dict[bytes, bytes]]:
    """What one job used, as a day's hash has it; a line that cannot be read is of no day that is asked for."""
    *counts, day, whose = (line.split(b" ", 5) + [b""] * 5)[:6]
    fields = {name.encode() + b" " + whose: count for name, count in zip(COUNTS, counts, strict=True)}
    return EPOCH + timedelta(days=min(_number(day), FAR)), fields


def summed_up(asked: Asked, days: Iterable[tuple[date, Mapping[bytes, bytes]]]) -> list[Row]:
    """The rows of the hashes of some days."""
    found: dict[tuple[str, str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for day, fields in days:
        for field, value in fields.items():
            count, model, key = (*field.decode(errors="replace").split(" ", 2), "", "")[:3]
            if count not in COUNTS or asked.key not in (None, key) or asked.model not in (None, model):
                continue
            place = {"day": day.isoformat(), "key": key, "model": model}
            names = ("day", "key", "model")
            found[tuple(place[name] if name in asked.by else "" for name in names)][count] += _number(value)  # type: ignore[index] # three of them
    return [_row(asked, place, counts) for place, counts in sorted(found.items())]


def _row(asked: Asked, place: tuple[str, str, str], counts: Mapping[str, int]) -> Row:
    day, key, model = place
    return Row(
        day=date.fromisoformat(day) if "day" in asked.by else None,
        key=key if "key" in asked.by else None,
        model=model if "model" in asked.by else None,
        jobs=counts.get("jobs", 0),
        failed=counts.get("failed", 0),
        images=counts.get("images", 0),
        infer_s=counts.get("infer_us", 0) / 1e6,
    )


def _number(value: bytes) -> int:
    return int(value) if value.isdigit() else 0
