"""The front door's side of the queue: submit jobs, await their answers.

Each API process has one reply stream. Submissions that arrive while a round trip to Redis is under way leave together
in the next one, so that a busy process pays for one round trip per group, an idle one for no delay.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import structlog

from shared import keys
from shared.codec import DecodeError, encode_job, pack
from shared.errors import DeadlineExceeded, InvalidRequest, QueueFull, QueueUnavailable, VisionfleetError
from shared.jobs import Job, JobRecord, JobResult
from shared.queue import scripts
from shared.queue.records import record_from, result_from
from shared.redis import Call, RedisError, connect_async, run_async
from shared.settings import QueueSettings, RedisSettings

log = structlog.get_logger(__name__)

REPLY_GRACE_S = 1.0
"""How much longer than the job's own limit the caller waits, so that the queue's answer (expired) comes first."""

CANCEL_AGAIN_S = 0.2


class Dispatcher:
    """Submits jobs and resolves their answers; one per process, started before use."""

    def __init__(self, redis: RedisSettings, queue: QueueSettings) -> None:
        self.replica = secrets.token_hex(8)
        self.connected = False
        self._client = connect_async(redis)
        self._settings = queue
        self._stream = keys.reply(self.replica)
        self._answers: dict[str, asyncio.Future[JobResult]] = {}
        self._ended: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._outbox: list[tuple[Call, asyncio.Future[Any]]] = []
        self._more = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to send and to listen. Works while Redis is away; calls then raise QueueUnavailable."""
        self._tasks = [asyncio.create_task(self._send()), asyncio.create_task(self._listen())]

    async def close(self) -> None:
        """Stop both and close the connections; whoever still waits is told that the queue is gone."""
        running = set(self._tasks)
        while running:  # asked again, because a time-out that ends in the same instant swallows a cancelation
            for task in running:
                task.cancel()
            _, running = await asyncio.wait(running, timeout=CANCEL_AGAIN_S)
        gone = QueueUnavailable("The server is shutting down; try again.")
        for future in [*self._answers.values(), *(future for _, future in self._outbox)]:
            if not future.done():
                future.set_exception(gone)
        await self._client.aclose()

    async def ping(self) -> bool:
        """Whether Redis answers now."""
        try:
            return bool(await self._client.ping())
        except (RedisError, OSError):
            return False

    async def call(self, jobs: Sequence[Job]) -> list[JobResult]:
        """Submit the jobs and wait for all of them, each for its own time limit.

        A job that fails has its error in its result. Raises QueueFull, QueueUnavailable.
        """
        return list(await asyncio.gather(*map(self._call, jobs)))

    async def submit(self, job: Job) -> JobRecord:
        """Accept an asynchronous job: its record and queue entry exist when this returns.

        Raises QueueFull, QueueUnavailable, and InvalidRequest when the id is taken.
        """
        created = await self._submit(job, reply="", record=True)
        return JobRecord(
            id=job.id,
            state="queued",
            model=job.model,
            hardware=job.hardware,
            lane=job.lane,
            created_ms=created,
            metadata=job.metadata,
        )

    async def get(self, job_id: str) -> JobRecord:
        """The job's record now. Raises JobNotFound, QueueUnavailable."""
        try:
            fields: Any = await self._client.hgetall(keys.job(job_id))
            return record_from(job_id, fields)
        except (RedisError, OSError) as error:
            raise _unavailable() from error

    async def wait(self, job_id: str, seconds: float) -> JobRecord:
        """The job's record as soon as it is over, or as it is after ``seconds``. Raises as ``get``."""
        ended = asyncio.Event()
        self._ended[job_id].add(ended)
        try:
            watch = scripts.WATCH([keys.job(job_id), keys.watchers(job_id)], self._stream)
            record = record_from(job_id, await self._run(watch))
            if record.done or seconds <= 0:
                return record
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(ended.wait(), seconds)
            return await self.get(job_id)
        finally:
            self._ended[job_id].discard(ended)
            if not self._ended[job_id]:
                del self._ended[job_id]

    async def _call(self, job: Job) -> JobResult:
        answer: asyncio.Future[JobResult] = asyncio.get_running_loop().create_future()
        self._answers[job.id] = answer
        try:
            await self._submit(job, reply=self._stream, record=False)
            return await asyncio.wait_for(answer, job.timeout_ms / 1000 + REPLY_GRACE_S)
        except asyncio.TimeoutError:
            late = DeadlineExceeded("No worker answered within the time limit; try again or raise the timeout.")
            return JobResult.failed(job.id, late)
        finally:
            self._answers.pop(job.id, None)

    async def _submit(self, job: Job, *, reply: str, record: bool) -> int:
        stream = keys.queue(job.hardware, job.lane, job.model)
        body = encode_job(job)
        status, number = await self._run(
            scripts.SUBMIT(
                [stream, keys.QUEUES, keys.BYTES, keys.job(job.id)],
                *(keys.GROUP, job.id, body, len(body), job.timeout_ms, reply),
                *(self._settings.max_queue_depth, self._settings.max_queue_bytes),
                *("1" if record else "0", int(self._settings.result_ttl_s * 1000)),
                *(job.model, job.hardware, job.lane, pack(job.metadata) if record else b""),
            )
        )
        refuse(status.decode(), number)
        return int(number)

    async def _run(self, call: Call) -> Any:
        """The call's answer, sent along with whatever else is waiting to go."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._outbox.append((call, answer))
        self._more.set()
        result = await answer
        if isinstance(result, RedisError):
            raise refusal(result) from result
        return result

    async def _send(self) -> None:
        while True:
            await self._more.wait()
            self._more.clear()
            batch, self._outbox = self._outbox, []
            try:
                answers: Sequence[Any] = await run_async(self._client, [call for call, _ in batch])
            except (RedisError, OSError) as error:
                self.connected = False
                answers = [error if isinstance(error, RedisError) else RedisError(str(error))] * len(batch)
            for (_, future), answer in zip(batch, answers, strict=True):
                if not future.done():
                    future.set_result(answer)

    async def _listen(self) -> None:
        last = "0"
        while True:
            try:
                read: Any = await self._client.xread({self._stream: last}, count=500, block=2000)
                self.connected = True
                for entry, fields in read[0][1] if read else ():
                    last = entry.decode()
                    self._resolve(fields.get(b"id", b""), fields.get(b"state", b""), fields.get(b"body", b""))
                if read:
                    await self._client.xtrim(self._stream, minid=last, approximate=True)
            except (RedisError, OSError) as error:
                self.connected = False
                log.warning("redis.unreachable", error=type(error).__name__)
                await asyncio.sleep(0.2 + secrets.randbelow(300) / 1000)

    def _resolve(self, name: bytes, status: bytes, body: bytes) -> None:
        job_id, state = name.decode(errors="replace"), status.decode(errors="replace")
        if state == "done":
            for ended in self._ended.get(job_id, ()):
                ended.set()
            return
        answer = self._answers.get(job_id)
        if answer is None or answer.done():
            return  # the caller has left, or another attempt answered first
        try:
            answer.set_result(result_from(job_id, state, body))
        except DecodeError as error:
            answer.set_exception(VisionfleetError(f"The worker's answer could not be read: {error}"))


def refuse(status: str, number: int) -> None:
    """Raise the error that a refused submission means; "ok" passes."""
    if status == "depth":
        raise QueueFull(f"The queue of this model holds {number} jobs, which is its limit; try again later.")
    if status == "bytes":
        raise QueueFull(f"The queues hold {number} bytes of jobs, which is their limit; try again later.")
    if status == "exists":
        raise InvalidRequest("There is already a job with this id.")


def refusal(error: RedisError) -> VisionfleetError:
    """What a failed call means to the caller: full, or away."""
    if str(error).startswith("OOM"):
        return QueueFull("The queue's memory is full; try again later.")
    return _unavailable()


def _unavailable() -> QueueUnavailable:
    return QueueUnavailable("The job queue cannot be reached; try again in a moment.")
