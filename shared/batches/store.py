"""Batches in Redis: accepted, split under a lease, counted, read, ended.

Splitting is safe to repeat: an index is handed out once, its job's id comes of batch and index, and a result is
gathered in the step that takes the index off the open ones. Whoever takes a batch up after a crash sees which open
indexes have no job, and makes those.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shared import keys
from shared.batches import scripts
from shared.batches.batch import PACKED, Batch, BatchNotFound, batch_from
from shared.batches.settings import BatchSettings
from shared.codec import encode_result, pack
from shared.errors import InvalidRequest, VisionfleetError
from shared.jobs import JobResult
from shared.queue.submission import refusal
from shared.redis import AsyncRedis, Call, RedisError, run_async
from shared.settings import QueueSettings

CHUNK = 1_000
UNFINISHED_S = 3_600
"""How long the items of a batch are kept that was never accepted."""
GATHERED_MS = 120_000
"""How long a job's record outlives the gathering of its result: much longer than any splitter may be late."""
SHARE_OF_QUEUE = 0.25
"""Batches leave the rest of the queues' bytes, and half of a queue's depth, to other jobs."""


@dataclass(frozen=True)
class Turn:
    """What one turn of a splitter found: the batch's state, or "lost"; indexes to make jobs of."""

    state: str
    indexes: list[int]


@dataclass(frozen=True)
class Item:
    """One image's end. ``result`` is the packed JobResult, empty for states that no worker wrote."""

    number: int
    index: int
    name: str
    state: str
    result: bytes


class BatchStore:
    """Every method raises QueueUnavailable when Redis is away and QueueFull when its memory is."""

    def __init__(self, client: AsyncRedis, settings: BatchSettings, queue: QueueSettings) -> None:
        self._client = client
        self._settings = settings
        self._queue = queue

    async def create(self, batch: Batch, names: Sequence[str] = ()) -> Batch:
        """Accept a batch; its record, items and place among the due ones exist when this returns."""
        items = keys.batch_parts(batch.id)[0]
        await self._write_items(items, names)
        fields: dict[str, Any] = {"model": batch.model, "hardware": batch.hardware, "owner": batch.owner}
        fields |= {name: pack(getattr(batch, name)) for name in PACKED}
        fields |= {"timeout_ms": batch.timeout_ms, "result_ttl_ms": batch.result_ttl_ms}
        if batch.total is not None:
            fields["total"] = batch.total
        flat = [part for pair in fields.items() for part in pair]
        found = [keys.batch(batch.id), items, keys.batches_due(batch.hardware), keys.BATCHES]
        batch.created_ms = int(await self._run(scripts.CREATE(found, batch.id, *flat)))
        return batch

    async def claim(self, tags: Sequence[str]) -> Batch | None:
        """Take up a batch for workers of these hardware tags; it is this caller's until the lease ends."""
        lease_ms = int(self._settings.batch_lease_s * 1000)
        due = [keys.batches_due(tag) for tag in tags]
        row = await self._run(scripts.CLAIM(due, lease_ms, secrets.token_hex(8)))
        return batch_from(row[0].decode(), row[1]) if row else None

    async def plan(self, batch: Batch, names: Sequence[str]) -> None:
        """Write down what the batch consists of."""
        found = [keys.batch(batch.id), keys.batch_parts(batch.id)[0]]
        for start in range(0, max(len(names), 1), CHUNK):
            part = names[start : start + CHUNK]
            flat = [text for index, name in enumerate(part, start) for text in (str(index), name)]
            last = start + CHUNK >= len(names)
            await self._run(scripts.PLAN(found, batch.claim, str(len(names)) if last else "", *flat))
        batch.total = len(names)

    async def step(self, batch: Batch, *, resume: bool) -> Turn:
        """Keep the lease, gather results, hand out the next indexes; with ``resume`` also those left without a job."""
        lease_ms = int(self._settings.batch_lease_s * 1000)
        stream = keys.queue(batch.hardware, "bulk", batch.model)
        parts = keys.batch_parts(batch.id)
        state, handed, missing = await self._run(
            scripts.STEP(
                [keys.batch(batch.id), *parts, keys.batches_due(batch.hardware), stream],
                *(batch.id, batch.claim, lease_ms, self._settings.batch_window),
                *(max(1, self._queue.max_queue_depth // 2), int(self._queue.max_queue_bytes * SHARE_OF_QUEUE)),
                *(GATHERED_MS, "1" if resume else "0", batch.result_ttl_ms),
            )
        )
        return Turn(state.decode(), sorted({*handed, *missing}))

    async def note(self, batch: Batch, index: int, error: VisionfleetError | None) -> None:
        """Record that an item could not be had, or with None that the source ended before it."""
        result = b"" if error is None else encode_result(JobResult.failed(batch.job_id(index), error))
        _, opened, results = keys.batch_parts(batch.id)
        await self._run(scripts.NOTE([keys.batch(batch.id), opened, results], batch.claim, index, result))

    async def fail(self, batch: Batch, error: VisionfleetError) -> None:
        """End a batch that cannot be split; for its splitter."""
        await self._end(batch.id, batch, "failed", pack(error.to_dict()), batch.claim)

    async def cancel(self, batch_id: str) -> Batch:
        """End a batch: what waits never runs, results from now on do not count. Ended ones stay as they are."""
        await self._end(batch_id, await self.get(batch_id), "canceled", b"", "")
        return await self.get(batch_id)

    async def release(self, batch: Batch) -> None:
        """Leave the batch to another splitter at once."""
        found = [keys.batch(batch.id), keys.batches_due(batch.hardware)]
        await self._run(scripts.RELEASE(found, batch.id, batch.claim))

    async def get(self, batch_id: str) -> Batch:
        """The batch now. Raises BatchNotFound."""
        return batch_from(batch_id, await self._ask(self._client.hgetall(keys.batch(batch_id))))

    async def page(self, limit: int, cursor: str | None) -> tuple[list[Batch], str | None]:
        """Up to ``limit`` batches, newest first, and the cursor of the next page, None at the end.

        Raises InvalidRequest when the cursor is none of ours.
        """
        start = 0
        if cursor is not None:
            rank: Any = await self._ask(self._client.zrevrank(keys.BATCHES, cursor))
            if rank is None:
                raise InvalidRequest("The cursor is not known any more; begin again without it.")
            start = int(rank) + 1
        names: Any = await self._ask(self._client.zrevrange(keys.BATCHES, start, start + limit - 1))
        ids = [name.decode() for name in names]
        pipe: Any = self._client.pipeline(transaction=False)
        for batch_id in ids:
            pipe.hgetall(keys.batch(batch_id))
        records = await self._ask(pipe.execute())
        found = [batch_from(batch_id, fields) for batch_id, fields in zip(ids, records, strict=True) if fields]
        gone = [batch_id for batch_id, fields in zip(ids, records, strict=True) if not fields]
        if gone:
            await self._ask(self._client.zrem(keys.BATCHES, *gone))
            if not found:
                return await self.page(limit, cursor)
        more = len(ids) == limit and bool(found)
        return found, found[-1].id if more else None

    async def names(self, batch: Batch, indexes: Sequence[int]) -> dict[int, str]:
        """Names of items; a video's frames have none."""
        if not indexes:
            return {}
        values: Any = await self._ask(
            self._client.hmget(keys.batch_parts(batch.id)[0], [str(index) for index in indexes])
        )
        return {index: value.decode() for index, value in zip(indexes, values, strict=True) if value is not None}

    async def results(self, batch: Batch, after: int, count: int) -> list[Item]:
        """Up to ``count`` results after the ``after``-th, in the order in which they came."""
        stream = keys.batch_parts(batch.id)[2]
        rows: Any = await self._ask(self._client.xrange(stream, min=f"({after}-0", count=count))
        indexes = [int(fields[b"index"]) for _, fields in rows]
        names = await self.names(batch, indexes)
        return [
            Item(int(entry.split(b"-")[0]), index, names.get(index, ""), row[b"state"].decode(), row[b"result"])
            for (entry, row), index in zip(rows, indexes, strict=True)
        ]

    async def known(self, batch_id: str) -> bool:
        """Whether there is a record of the batch."""
        return bool(await self._ask(self._client.exists(keys.batch(batch_id))))

    async def _end(self, batch_id: str, batch: Batch, state: str, error: bytes, token: str) -> None:
        found = [keys.batch(batch_id), *keys.batch_parts(batch_id), keys.batches_due(batch.hardware)]
        answer = await self._run(scripts.END(found, batch_id, state, error, batch.result_ttl_ms, keys.GROUP, token))
        if not answer:
            raise BatchNotFound("There is no batch with this id: it was never accepted, or its record expired.")

    async def _write_items(self, key: str, names: Sequence[str]) -> None:
        for start in range(0, len(names), CHUNK):
            part = {str(index): name for index, name in enumerate(names[start : start + CHUNK], start)}
            pipe: Any = self._client.pipeline(transaction=False)
            pipe.hset(key, mapping=part).expire(key, UNFINISHED_S)
            await self._ask(pipe.execute())

    async def _run(self, call: Call) -> Any:
        (answer,) = await self._ask(run_async(self._client, [call]))
        if isinstance(answer, RedisError):
            raise refusal(answer) from answer
        return answer

    async def _ask(self, question: Any) -> Any:
        try:
            return await question
        except (RedisError, OSError) as error:
            raise refusal(error) from error
