"""What can be done to asynchronous jobs after they were accepted: list, cancel, run again, erase."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from shared import keys
from shared.blobs import BlobStore, open_store
from shared.codec import DecodeError, decode_job, unpack
from shared.errors import InputGone, InvalidRequest, JobFinished, NotFinished
from shared.jobs import Job, JobRecord, Terms, new_id
from shared.queue import scripts
from shared.queue.records import not_found, record_from
from shared.queue.submission import refusal
from shared.redis import Call, RedisError, connect_async, run_async
from shared.settings import QueueSettings, RedisSettings

SCAN = 200
SCAN_AT_MOST = 4_000
"""Jobs looked at for one page, so that a filter that matches nothing costs a bounded time."""
LISTED = ("state", "model", "hardware", "lane", "created_ms", "started_ms", "finished_ms", "attempt", "worker",
          "metadata", "images", "done", "expires_ms", "owner")  # fmt: skip


@dataclass(frozen=True)
class Filter:
    """Which jobs to list; None lets all pass. ``since_ms`` is the earliest acceptance, ms since the epoch."""

    state: str | None = None
    model: str | None = None
    lane: str | None = None
    since_ms: int = 0
    owner: str | None = None

    def passes(self, record: JobRecord) -> bool:
        """Whether the job is wanted."""
        wanted = (self.state, self.model, self.lane, self.owner)
        found = (record.state, record.model, record.lane, record.owner)
        return all(want in (None, has) for want, has in zip(wanted, found, strict=True))


class Ledger:
    """The asynchronous jobs of the whole system. Every method raises QueueUnavailable when Redis is away."""

    def __init__(self, redis: RedisSettings, queue: QueueSettings) -> None:
        self._client = connect_async(redis)
        self._blobs = open_store(queue)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def cancel(self, job_id: str) -> None:
        """Cancel a job: one that waits never runs, the result of one that runs does not count.

        Canceling twice is no error. Raises JobNotFound, JobFinished.
        """
        state = (await self._run(scripts.CANCEL([keys.job(job_id)], keys.GROUP, job_id))).decode()
        if not state:
            raise not_found()
        if state != "canceled":
            raise JobFinished(f"The job cannot be canceled, because it has {state}.", state=state)

    async def erase(self, job_id: str) -> None:
        """Remove every trace of a job; one that waits or runs is canceled by that. Raises JobNotFound."""
        own = [keys.job(job_id), keys.events(job_id), keys.kept_input(job_id), keys.watchers(job_id)]
        folder = await self._run(scripts.ERASE([*own, keys.JOBS, keys.DUE, keys.DEAD], keys.GROUP, job_id))
        if folder is None:
            raise not_found()
        if folder and self._blobs is not None:
            await asyncio.to_thread(self._blobs.drop, folder.decode())

    async def again(self, job_id: str) -> tuple[Job, Terms]:
        """A new job with the input and the webhook of one that ended, to be submitted.

        Raises JobNotFound, NotFinished, InputGone.
        """
        try:
            state, dead, webhook, input_ttl = await self._fields(job_id, "state", "dead", "webhook", "input_ttl")
            kept: Any = await self._client.get(keys.kept_input(job_id))
            if kept is None and dead is not None:
                letters: Any = await self._client.xrange(keys.DEAD, min=dead, max=dead)
                kept = letters[0][1].get(b"job") if letters else None
        except (RedisError, OSError) as error:
            raise refusal(error) from error
        if state is None:
            raise not_found()
        if state in (b"queued", b"running"):
            raise NotFinished("The job has not ended yet, so it cannot be run again.", state=state.decode())
        if kept is None:
            raise InputGone("The job's images were not kept; submit it anew, with `input_ttl` if it may be retried.")
        terms = Terms(
            input_ttl_ms=None if input_ttl is None else int(input_ttl),
            webhook=None if webhook is None else unpack(webhook),
        )
        return await renewed(kept, self._blobs), terms

    async def jobs(self, wanted: Filter, limit: int, cursor: str = "") -> tuple[list[JobRecord], str]:
        """Up to ``limit`` jobs, newest first, without results, and the cursor of the next page ("" at the end).

        Raises InvalidRequest for a cursor that is none of ours.
        """
        top, skip = _place(cursor)
        found: list[JobRecord] = []
        for _ in range(SCAN_AT_MOST // SCAN):
            page = await self._page(top, skip, wanted.since_ms)
            records = await self._records([job_id for job_id, _ in page])
            for (_, created), record in zip(page, records, strict=True):
                if str(created) != top:
                    top, skip = str(created), 0
                if record is None:
                    continue
                skip += 1
                if wanted.passes(record):
                    found.append(record)
                    if len(found) == limit:
                        return found, f"{top}-{skip}"
            if len(page) < SCAN:
                return found, ""
        return found, f"{top}-{skip}"

    async def _fields(self, job_id: str, *names: str) -> list[Any]:
        found: Any = await self._client.hmget(keys.job(job_id), names)
        return list(found)

    async def _page(self, top: str, skip: int, since_ms: int) -> list[tuple[str, int]]:
        try:
            rows: Any = await self._client.zrevrangebyscore(
                keys.JOBS, top, since_ms, start=skip, num=SCAN, withscores=True
            )
        except (RedisError, OSError) as error:
            raise refusal(error) from error
        return [(name.decode(), int(score)) for name, score in rows]

    async def _records(self, ids: Sequence[str]) -> list[JobRecord | None]:
        """The records without their results; None for those that expired, which leave the list by that."""
        pipe: Any = self._client.pipeline(transaction=False)
        for job_id in ids:
            pipe.hmget(keys.job(job_id), LISTED)
        try:
            rows = await pipe.execute() if ids else []
            gone = [job_id for job_id, row in zip(ids, rows, strict=True) if row[0] is None]
            if gone:
                await self._client.zrem(keys.JOBS, *gone)
        except (RedisError, OSError) as error:
            raise refusal(error) from error
        return [_listed(job_id, row) for job_id, row in zip(ids, rows, strict=True)]

    async def _run(self, call: Call) -> Any:
        try:
            (answer,) = await run_async(self._client, [call])
        except (RedisError, OSError) as error:
            raise refusal(error) from error
        if isinstance(answer, RedisError):
            raise refusal(answer) from answer
        return answer


async def renewed(packed: bytes, blobs: BlobStore | None) -> Job:
    """The job of those bytes under a new id, with its images. Raises InputGone, InvalidRequest when it is no job."""
    try:
        job = decode_job(packed)
    except DecodeError as error:
        raise InvalidRequest(f"The job cannot be read: {error}.") from error
    if job.outside and blobs is None:
        raise InputGone("The job's images are in a store that this server has not been told of.")
    if blobs is not None:
        job = await asyncio.to_thread(blobs.restored, job)
    return replace(job, id=new_id())


def _listed(job_id: str, row: Sequence[bytes | None]) -> JobRecord | None:
    fields = {name.encode(): value for name, value in zip(LISTED, row, strict=True) if value is not None}
    return record_from(job_id, fields, result=False) if fields else None


def _place(cursor: str) -> tuple[str, int]:
    """Where the page begins: highest time, and how many of that time were shown. Raises InvalidRequest."""
    if not cursor:
        return "+inf", 0
    top, _, skip = cursor.partition("-")
    if not (top.isdigit() and skip.isdigit() and len(cursor) < 40):
        raise InvalidRequest("The cursor is not one that this server gave out.")
    return top, int(skip)
