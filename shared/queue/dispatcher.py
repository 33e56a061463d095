"""The front door's side of the queue: submit jobs, await their answers."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from functools import partial
from typing import Any

import structlog

from shared import keys
from shared.blobs import open_store
from shared.codec import DecodeError, encode_job
from shared.errors import (
    BlobsUnavailable,
    DeadlineExceeded,
    IdempotencyConflict,
    IdempotencyMismatch,
    JobNotFound,
    QueueFull,
    VisionfleetError,
)
from shared.jobs import Job, JobEvent, JobRecord, JobResult, Terms
from shared.queue import scripts
from shared.queue.line import Line, gone, stop
from shared.queue.records import event_from, record_from, result_from
from shared.queue.submission import accepted, lifetime_ms, refusal, submission
from shared.redis import Call, RedisError
from shared.settings import QueueSettings, RedisSettings

log = structlog.get_logger(__name__)

REPLY_GRACE_S = 1.0
"""How much longer than the job's own limit the caller waits, so that the queue's answer (expired) comes first."""
TEND_EVERY_S = 1.0
PRUNE_EVERY = 600
SWEEP_COUNT = 200


class Dispatcher:
    """Submits jobs and resolves their answers; one per process, started before use."""

    def __init__(self, redis: RedisSettings, queue: QueueSettings) -> None:
        self._line = Line(redis, self._resolve)
        self._settings = queue
        self._blobs = open_store(queue)
        self._answers: dict[str, asyncio.Future[JobResult]] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._ended: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._noticed: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._full = False
        self._tending: list[asyncio.Task[None]] = []
        self._withdrawing: set[asyncio.Task[Any]] = set()
        self._closing = False

    @property
    def connected(self) -> bool:
        """Whether Redis answered last time."""
        return self._line.connected

    async def start(self) -> None:
        """Begin to send and to listen. Works while Redis is away; calls then raise QueueUnavailable."""
        self._line.open()
        self._tending = [asyncio.create_task(self._tend())]

    async def close(self) -> None:
        """Stop and close the connections; whoever still waits is told that the queue is gone."""
        self._closing = True
        await stop([*self._tending, *self._withdrawing])
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(gone())
        await self._line.close()

    async def ping(self) -> bool:
        """Whether Redis answers now."""
        try:
            return bool(await self._line.client.ping())
        except (RedisError, OSError):
            return False

    async def call(self, jobs: Sequence[Job]) -> list[JobResult]:
        """Submit the jobs and wait for all of them, each for its own time limit.

        A job that fails has its error in its result. Whoever cancels the call takes back the jobs that no worker has
        yet. Raises QueueFull, QuotaExceeded, QueueUnavailable.
        """
        if len(jobs) == 1:  # most calls; gather would make a task of it
            return [await self._call(jobs[0])]
        return list(await asyncio.gather(*map(self._call, jobs)))

    async def run(self, call: Call) -> Any:
        """Any script's answer, sent along with whatever else leaves. Raises QueueFull, QueueUnavailable."""
        return await self._line.run(call)

    async def submit(self, job: Job, terms: Terms | None = None) -> JobRecord:
        """Accept an asynchronous job: its record and queue entry exist when this returns.

        With an idempotency key that was used before for the same request, the record of that first job is returned.

        Raises:
            QueueFull, QueueUnavailable: not now.
            IdempotencyMismatch: the key was used for another request.
            IdempotencyConflict: the key's job is no more.
            InvalidRequest: the id is taken.
        """
        terms = terms or Terms()
        stored = await self._store(job, terms)
        try:
            created, same = await self._submit(stored, terms)
        except VisionfleetError:
            await self._drop(stored)
            raise
        if same:
            await self._drop(stored)
            return await self._of_key(same)
        return JobRecord(
            *(job.id, "queued", job.model, job.hardware, job.lane, created),
            metadata=job.metadata,
            expires_ms=created + job.timeout_ms,
            images=len(job.inputs),
            webhook=terms.webhook,
            trace=job.trace,
            owner=job.owner,
        )

    async def find(self, terms: Terms) -> JobRecord | None:
        """The job that the idempotency key stands for, if it was used. Raises as ``submit``."""
        try:
            used: Any = await self._line.client.get(keys.idempotency(terms.idempotency_key))
        except (RedisError, OSError) as error:
            raise refusal(error) from error
        if used is None:
            return None
        fingerprint, _, job_id = used.decode().partition(" ")
        if fingerprint != terms.fingerprint:
            raise IdempotencyMismatch("This Idempotency-Key was sent before with another request; use a new key.")
        return await self._of_key(job_id)

    async def get(self, job_id: str) -> JobRecord:
        """The job's record now. Raises JobNotFound, QueueUnavailable."""
        return await self._read(job_id, watch=False)

    async def wait(self, job_id: str, seconds: float) -> JobRecord:
        """The job's record as soon as it is over, or as it is after ``seconds``. Raises as ``get``."""
        with _waiting(self._ended, job_id) as ended:
            record = await self._read(job_id, watch=seconds > 0)
            if record.done or seconds <= 0:
                return record
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(ended.wait(), seconds)
            return await self.get(job_id)

    async def follow(self, job_id: str, after: str = "", quiet_s: float = 15.0) -> AsyncIterator[JobEvent | None]:
        """The job's events after that id, as they come, up to the last. None after each ``quiet_s`` without any.

        Raises JobNotFound when there is no such job, QueueUnavailable; ends early when it is deleted.
        """
        with _waiting(self._noticed, job_id) as noticed:
            record = await self._read(job_id, watch=True)
            while True:
                noticed.clear()
                for event in await self._events(job_id, after):
                    after = event.id
                    yield event
                if record.done:
                    return
                try:
                    await asyncio.wait_for(noticed.wait(), quiet_s)
                except asyncio.TimeoutError:
                    yield None
                try:
                    record = await self._read(job_id, watch=True)
                except JobNotFound:
                    return

    async def _call(self, job: Job) -> JobResult:
        """The job's result. What is awaited is one future, whatever comes first: answer, refusal or the time's end."""
        self._check_room()
        sent = self._line.post(submission(job, self._settings, reply=self._line.stream))
        answer: asyncio.Future[JobResult] = asyncio.get_running_loop().create_future()
        self._answers[job.id] = answer
        sent.add_done_callback(partial(self._sent, job, answer))
        try:
            return await answer
        except asyncio.TimeoutError:
            late = DeadlineExceeded("No worker answered within the time limit; try again or raise the timeout.")
            return JobResult.failed(job.id, late)
        except asyncio.CancelledError:
            if job.id in self._timers and not self._closing:  # else it is not known yet whether it was accepted
                self._withdraw(job, entry_of(sent.result()))
            raise
        finally:
            self._answers.pop(job.id, None)
            if timer := self._timers.pop(job.id, None):
                timer.cancel()

    def _sent(self, job: Job, answer: asyncio.Future[JobResult], sent: asyncio.Future[Any]) -> None:
        """The answer to a submission: its time begins, its caller is told of a refusal, or it is taken back."""
        if sent.cancelled():
            return
        try:
            entry = entry_of(sent.result())
        except Exception as error:  # noqa: BLE001 - it is the caller's
            if not answer.done():
                answer.set_exception(error)
            return
        if self._closing or (answer.done() and not answer.cancelled()):
            return
        if answer.cancelled():
            self._withdraw(job, entry)
        else:
            seconds = job.timeout_ms / 1000 + REPLY_GRACE_S
            self._timers[job.id] = answer.get_loop().call_later(seconds, _give_up, answer)

    async def _submit(self, job: Job, terms: Terms) -> tuple[int, str]:
        self._check_room()
        return accepted(await self._line.run(submission(job, self._settings, terms)))

    def _check_room(self) -> None:
        if self._full:
            raise QueueFull("The queue's memory is nearly full; try again later.")

    def _withdraw(self, job: Job, entry: str) -> None:
        """Take the job back unless a worker has it; nobody waits for the outcome."""
        stream, size = keys.queue(job.hardware, job.lane, job.model), len(encode_job(job))
        call = scripts.WITHDRAW([stream], keys.GROUP, entry, size, job.id, job.owner)
        task = asyncio.ensure_future(self._line.run(call))
        self._withdrawing.add(task)
        task.add_done_callback(self._withdrawn)

    def _withdrawn(self, task: asyncio.Task[Any]) -> None:
        self._withdrawing.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.debug("job.not_withdrawn", error=type(task.exception()).__name__)

    async def _read(self, job_id: str, *, watch: bool) -> JobRecord:
        call = scripts.WATCH([keys.job(job_id), keys.watchers(job_id)], self._line.stream if watch else "")
        record = record_from(job_id, await self._line.run(call))
        if self._blobs is not None and record.result is not None and "blob" in record.result.extra:
            record.result = await asyncio.to_thread(self._blobs.completed, record.result)
        return record

    async def _store(self, job: Job, terms: Terms) -> Job:
        if self._blobs is None:
            return job
        ends_ms = await self._clock_ms() + lifetime_ms(job, self._settings, terms)
        return await asyncio.to_thread(self._blobs.store_inputs, job, ends_ms)

    async def _clock_ms(self) -> int:
        """Redis's time: a process whose own clock is wrong must not drop the blobs of others."""
        try:
            seconds, microseconds = await self._line.client.time()
        except (RedisError, OSError) as error:
            raise refusal(error) from error
        return int(seconds) * 1000 + int(microseconds) // 1000

    async def _drop(self, job: Job) -> None:
        if self._blobs is not None and job.outside:
            with contextlib.suppress(BlobsUnavailable):  # it goes with its hour
                await asyncio.to_thread(self._blobs.drop, job.folder)

    async def _of_key(self, job_id: str) -> JobRecord:
        try:
            return await self.get(job_id)
        except JobNotFound:
            raise IdempotencyConflict("The job of this Idempotency-Key is no longer kept; use a new key.") from None

    async def _events(self, job_id: str, after: str) -> list[JobEvent]:
        first = int(after.rpartition("-")[2]) + 1 if after else 0
        try:
            found: Any = await self._line.client.lrange(keys.events(job_id), first, -1)
        except (RedisError, OSError) as error:
            raise refusal(error) from error
        return [event_from(index, packed) for index, packed in enumerate(found, first)]

    async def _tend(self) -> None:
        """Every second: end jobs that nobody came for in time, see how full Redis is, at times prune blobs."""
        for turn in itertools.count():
            if self._closing:
                return
            try:
                if self._blobs is not None and turn % PRUNE_EVERY == 0:
                    await asyncio.to_thread(self._blobs.prune, await self._clock_ms())
                while await self._line.run(scripts.SWEEP([keys.DUE], keys.GROUP, SWEEP_COUNT)) == SWEEP_COUNT:
                    pass
                memory: Any = await self._line.client.info("memory")
                limit = int(memory["maxmemory"]) * self._settings.max_memory_fraction
                full = 0 < limit < int(memory["used_memory"])
                if full != self._full:
                    log.warning("redis.nearly_full" if full else "redis.has_room", used=memory["used_memory"])
                self._full = full
            except (VisionfleetError, RedisError, OSError) as error:
                log.debug("queue.not_tended", error=type(error).__name__)
            await asyncio.sleep(TEND_EVERY_S)

    def _resolve(self, job_id: str, state: str, body: bytes) -> None:
        if state in ("done", "event"):
            for waiting in (self._ended, self._noticed) if state == "done" else (self._noticed,):
                for woken in waiting.get(job_id, ()):
                    woken.set()
            return
        answer = self._answers.get(job_id)
        if answer is None or answer.done():
            return  # the caller has left, or another attempt answered first
        try:
            answer.set_result(result_from(job_id, state, body))
        except DecodeError as error:
            answer.set_exception(VisionfleetError(f"The worker's answer could not be read: {error}"))


def _give_up(answer: asyncio.Future[JobResult]) -> None:
    if not answer.done():
        answer.set_exception(asyncio.TimeoutError())


def entry_of(answer: Any) -> str:
    """The entry in the queue's stream of a job that was accepted. Raises as ``accepted``."""
    accepted(answer)
    return str(answer[2].decode())


@contextlib.contextmanager
def _waiting(where: dict[str, set[asyncio.Event]], job_id: str) -> Iterator[asyncio.Event]:
    woken = asyncio.Event()
    where[job_id].add(woken)
    try:
        yield woken
    finally:
        where[job_id].discard(woken)
        if not where[job_id]:
            del where[job_id]
