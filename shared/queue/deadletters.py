"""Jobs that lost every worker that took them: look at them, run them again, throw them away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from shared import keys
from shared.blobs import open_store
from shared.errors import InvalidRequest, LetterNotFound
from shared.jobs import Job
from shared.queue import scripts
from shared.queue.ledger import renewed
from shared.queue.submission import refusal
from shared.redis import RedisError, connect_async, run_async
from shared.settings import QueueSettings, RedisSettings


@dataclass
class DeadLetter:
    """One dead letter. ``job_id`` is the job that failed; ``size`` its bytes; ``buried_ms`` by Redis's clock."""

    id: str
    job_id: str
    model: str
    hardware: str
    lane: str
    attempts: int
    size: int
    buried_ms: int


class DeadLetters:
    """The dead letters of the whole system. Every method raises QueueUnavailable when Redis is away."""

    def __init__(self, redis: RedisSettings, queue: QueueSettings) -> None:
        self._client = connect_async(redis)
        self._blobs = open_store(queue)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def count(self) -> int:
        """How many there are."""
        try:
            return int(await self._client.xlen(keys.DEAD))
        except (RedisError, OSError) as error:
            raise refusal(error) from error

    async def page(self, limit: int, cursor: str = "") -> tuple[list[DeadLetter], str]:
        """Up to ``limit`` letters, newest first, and the cursor of the next page ("" at the end)."""
        try:
            (rows,) = await run_async(self._client, [scripts.DEAD([keys.DEAD], f"({cursor}" if cursor else "+", limit)])
        except (RedisError, OSError) as error:
            raise refusal(error) from error
        if isinstance(rows, RedisError):
            if "stream ID" in str(rows):
                raise InvalidRequest("The cursor is not one that this server gave out.")
            raise refusal(rows) from rows
        letters = [_letter(entry.decode(), flat) for entry, flat in rows]
        return letters, letters[-1].id if len(letters) == limit else ""

    async def job(self, letter_id: str) -> Job:
        """The job inside, under a new id. Raises LetterNotFound, InvalidRequest when it cannot be read."""
        try:
            found: Any = await self._client.xrange(keys.DEAD, min=letter_id, max=letter_id)
        except (RedisError, OSError) as error:
            raise refusal(error) from error
        if not found:
            raise LetterNotFound("There is no dead letter with this id.")
        return await renewed(found[0][1].get(b"job", b""), self._blobs)

    async def drop(self, letter_id: str) -> None:
        """Throw one away. Raises LetterNotFound."""
        try:
            dropped = await self._client.xdel(keys.DEAD, letter_id)
        except (RedisError, OSError) as error:
            raise refusal(error) from error
        if not dropped:
            raise LetterNotFound("There is no dead letter with this id.")

    async def purge(self) -> int:
        """Throw all away. Returns how many."""
        try:
            return int(await self._client.xtrim(keys.DEAD, maxlen=0, approximate=False))
        except (RedisError, OSError) as error:
            raise refusal(error) from error


def _letter(entry: str, flat: list[bytes]) -> DeadLetter:
    fields = {
        k.decode(errors="replace"): v.decode(errors="replace") for k, v in zip(flat[::2], flat[1::2], strict=True)
    }
    hardware, lane, model = keys.parse_queue(fields.get("stream", "vf:q:::"))
    return DeadLetter(
        *(entry, fields.get("id", ""), model, hardware, lane),
        attempts=_whole(fields.get("attempts")),
        size=_whole(fields.get("size")),
        buried_ms=int(entry.split("-", maxsplit=1)[0]),
    )


def _whole(text: str | None) -> int:
    return int(text) if text is not None and text.isdigit() else 0
