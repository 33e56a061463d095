"""The worker's side of the queue: take jobs, keep their leases, end them, take over those of the dead. For threads."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from shared import keys
from shared.blobs import BlobStore, open_store
from shared.codec import DecodeError, decode_job, encode_result
from shared.errors import BlobsUnavailable, InputGone, InvalidRequest, JobPoisoned
from shared.jobs import Job, JobResult
from shared.queue import scripts
from shared.redis import Call, RedisError, SyncRedis, exchange, run
from shared.settings import QueueSettings
from shared.usage.use import Use, line, use_of, who

DAY_MS = 86_400_000
POISONED = JobPoisoned("Every worker that took this job was lost; it is among the dead letters.")


@dataclass(eq=False)
class Taken:
    """One delivery of one job: what it takes to run it, renew its lease and end it.

    ``done`` counts finished images, ``told`` those that the record knows of. ``infer_ms`` is its share of the batches
    that it ran in; ``uses`` is what a workflow used, in place of what can be told from job and result.
    ``pieces`` are what its texts have become longer by, with the index of the input, since they were last told.
    """

    stream: str
    entry: str
    attempt: int
    waited_ms: int
    fields: dict[str, bytes]
    job: Job
    lost: bool = False
    done: int = 0
    told: int = 0
    blobs: BlobStore | None = None
    infer_ms: float = 0.0
    uses: list[Use] | None = None
    pieces: deque[tuple[int, str]] = field(default_factory=deque)

    def image(self, index: int) -> bytes:
        """One encoded image, which may have to be fetched. Raises InputGone, BlobsUnavailable."""
        if self.blobs is not None:
            return self.blobs.input(self.job, index)
        if index in self.job.outside:
            raise InputGone("The image is in a store that this worker has not been told of (VISIONFLEET_BLOB_URL).")
        return self.job.inputs[index]

    @property
    def taken_ms(self) -> int:
        """When it was delivered, in ms by Redis's clock."""
        return int(self.entry.split("-")[0]) + self.waited_ms

    @property
    def recorded(self) -> bool:
        """Whether it is an asynchronous job, which has a record."""
        return self.fields.get("record") == b"1"


class Backlog(NamedTuple):
    """How full one stream is. Stalled jobs have a worker whose lease ran out."""

    stream: str
    waiting: int
    running: int
    stalled: int
    bytes: int
    oldest_ms: int


class QueueConsumer:
    """Consumer ``name`` of the group. Every method raises RedisError when Redis is away."""

    def __init__(self, client: SyncRedis, settings: QueueSettings, name: str) -> None:
        self.name = name
        self._client = client
        self._settings = settings
        self._ensured: set[str] = set()
        self._blobs = open_store(settings)
        self._saying = threading.Lock()

    def take(
        self, streams: Sequence[str], count: int, others: Sequence[str] = (), others_count: int = 0
    ) -> list[Taken]:
        """Up to ``count`` jobs of the first of ``streams`` that has any, and the same of the others; does not wait."""
        counts = (len(streams), count, others_count)
        return self._taken(self._run(scripts.TAKE([*streams, *others], keys.GROUP, self.name, *counts)))

    def wait(self, streams: Sequence[str], block_ms: int) -> list[Taken]:
        """Wait up to ``block_ms`` for a job in any of the streams; at most one of each."""
        if not self._ensured.issuperset(streams):
            self.ensure(streams)
        group = ("XREADGROUP", "GROUP", keys.GROUP, self.name, "COUNT", 1, "BLOCK", block_ms, "STREAMS")
        read, time = exchange(self._client, [(*group, *streams, *(">" for _ in streams)), ("TIME",)])
        if isinstance(read, RedisError):
            if not str(read).startswith("NOGROUP"):
                raise read
            self._ensured.clear()  # somebody deleted a stream, or Redis lost its data: let ensure make it again
            self._client.srem(keys.QUEUES, *streams)
            return []
        found = [(stream, entry, fields) for stream, items in read or () for entry, fields in items]
        now = int(time[0]) * 1000 + int(time[1]) // 1000
        at_once = [(stream, entry, 1, now, fields) for stream, entry, fields in found if _is_plain(fields, now)]
        return self._taken(at_once + self._admitted([row for row in found if not _is_plain(row[2], now)]))

    def _admitted(self, found: Sequence[tuple[bytes, bytes, list[bytes]]]) -> list[Any]:
        """Those of what was read that may run, as ``TAKE`` returns them."""
        if not found:
            return []
        sources, entries = [stream.decode() for stream, _, _ in found], [entry for _, entry, _ in found]
        admitted = self._run(scripts.ADMIT(sources, keys.GROUP, self.name, *entries))
        rows = [(found[position - 1], attempt, now) for position, attempt, now in admitted]
        return [(stream, entry, attempt, now, fields) for (stream, entry, fields), attempt, now in rows]

    def ensure(self, streams: Sequence[str]) -> None:
        """Make the streams and their group where they are missing: at first use, or after Redis lost its data."""
        known = self._client.smismember(keys.QUEUES, list(streams))
        for stream, there in zip(streams, known, strict=True):
            if there:
                continue
            try:
                self._client.xgroup_create(stream, keys.GROUP, id="0", mkstream=True)
            except RedisError as error:
                if "BUSYGROUP" not in str(error):
                    raise
            self._client.sadd(keys.QUEUES, stream)
        self._ensured.update(streams)

    def renew(self, held: Sequence[Taken]) -> None:
        """Renew the leases and mark those that another worker has taken as lost."""
        if not held:
            return
        entries = [taken.entry for taken in held]
        for position in self._run(scripts.RENEW([t.stream for t in held], keys.GROUP, self.name, *entries)):
            held[position - 1].lost = True

    def progress(self, held: Sequence[Taken]) -> int:
        """Write down how far the asynchronous jobs of several images are; those that are not ours any more are lost.

        Returns how many were written down: a job that has not moved since is left out.
        """
        moved = [taken for taken in held if taken.recorded and taken.done > taken.told and len(taken.job.inputs) > 1]
        if not moved:
            return 0
        answers = run(self._client, [self._progress(taken) for taken in moved])
        for taken, answer in zip(moved, answers, strict=True):
            if not isinstance(answer, RedisError):
                taken.told, taken.lost = taken.done, taken.lost or not answer
        return sum(answer for answer in answers if not isinstance(answer, RedisError))

    def say(self, held: Sequence[Taken]) -> int:
        """Tell what the asynchronous jobs have written since the last time; those that are not ours any more are lost.

        Returns how many told anything.
        """
        with self._saying:  # or the end of a text would overtake its middle
            speaking = [(taken, _pieces(taken)) for taken in held if taken.recorded and taken.pieces]
            if not speaking:
                return 0
            answers = run(self._client, [self._say(taken, pieces) for taken, pieces in speaking])
        for (taken, _), answer in zip(speaking, answers, strict=True):
            if not isinstance(answer, RedisError):
                taken.lost = taken.lost or not answer
        return sum(answer for answer in answers if not isinstance(answer, RedisError))

    def finish(self, ended: Sequence[tuple[Taken, JobResult]]) -> int:
        """Write the results in one round trip. Returns how many count; the others had been lost."""
        calls = [self._finish(taken, result) for taken, result in ended]
        answers = run(self._client, calls)
        for answer in answers:
            if isinstance(answer, RedisError):
                raise answer
        return sum(answers)

    def takeover(self, streams: Sequence[str], count: int = 16, *, last_chances: int = 1) -> list[Taken]:
        """Jobs whose worker stopped renewing, up to ``count`` of each stream; poisoned ones are ended here.

        ``last_chances`` limits how many of them may be on their last attempt: such a job may be what kills workers,
        and it must not take others, who were only unlucky, into the dead letters with it.
        """
        if not streams:
            return []
        settings = self._settings
        poisoned = encode_result(JobResult.failed("", POISONED))
        limits = (settings.lease_ms, settings.max_attempts, count, settings.dead_letters)
        call = scripts.TAKEOVER(streams, keys.GROUP, self.name, *limits, poisoned, last_chances)
        return self._taken(self._run(call))

    def on_last_chance(self, taken: Taken) -> bool:
        """Whether losing the job once more would make it a dead letter."""
        return taken.attempt >= self._settings.max_attempts

    def queues(self) -> list[str]:
        """Keys of all job streams."""
        members: Any = self._client.smembers(keys.QUEUES)
        return keys.queues_in(members)

    def tidy(self, idle_ms: int) -> int:
        """Forget consumers that hold nothing and have read nothing for so long; returns how many."""
        streams = self.queues()
        return int(self._run(scripts.TIDY(streams, keys.GROUP, idle_ms))) if streams else 0

    def survey(self, streams: Sequence[str]) -> list[Backlog]:
        """How full each stream is."""
        if not streams:
            return []
        rows = self._run(scripts.SURVEY(streams, keys.GROUP, self._settings.lease_ms))
        return [Backlog(stream, *row) for stream, row in zip(streams, rows, strict=True)]

    def _run(self, call: Call) -> Any:
        (answer,) = run(self._client, [call])
        if isinstance(answer, RedisError):
            raise answer
        return answer

    def _progress(self, taken: Taken) -> Call:
        return scripts.PROGRESS(
            [taken.stream, keys.job(taken.job.id)],
            *(keys.GROUP, self.name, taken.entry, taken.attempt, taken.job.id, taken.done, len(taken.job.inputs)),
        )

    def _say(self, taken: Taken, pieces: dict[int, str]) -> Call:
        return scripts.SAY(
            [taken.stream, keys.job(taken.job.id)],
            *(keys.GROUP, self.name, taken.entry, taken.attempt, taken.job.id),
            *(part for piece in pieces.items() for part in piece),
        )

    def _finish(self, taken: Taken, result: JobResult) -> Call:
        fields = taken.fields
        if self._blobs is not None and taken.recorded:
            with contextlib.suppress(BlobsUnavailable):  # then it stays in Redis
                result = self._blobs.store_result(taken.job, result)
        uses = use_of(taken.job, result, taken.infer_ms) if taken.uses is None else taken.uses
        return scripts.FINISH(
            [taken.stream],
            *(keys.GROUP, self.name, taken.entry, taken.attempt, result.state, encode_result(result)),
            *(fields.get(name, b"") for name in ("id", "size", "reply", "record", "ttl", "owner")),
            self._settings.usage_days * DAY_MS,
            *(line(use, taken.taken_ms // DAY_MS, who(taken.job)) for use in uses),
        )

    def _taken(self, rows: list[Any]) -> list[Taken]:
        taken: list[Taken] = []
        broken: list[tuple[Taken, JobResult]] = []
        for stream, entry, attempt, now, found in rows:
            pairs = zip(found[::2], found[1::2], strict=True)
            fields = {name.decode(errors="replace"): value for name, value in pairs}
            waited = now - int(entry.split(b"-")[0])
            job_id = fields.get("id", b"").decode(errors="replace")
            delivery = Taken(stream.decode(), entry.decode(), attempt, waited, fields, Job(model="", id=job_id))
            try:
                delivery.job = decode_job(fields.get("job", b""))
                delivery.blobs = self._blobs
            except DecodeError as error:
                broken.append((delivery, JobResult.failed(job_id, InvalidRequest(f"The job cannot be read: {error}."))))
                continue
            taken.append(delivery)
        if broken:
            self.finish(broken)
        return taken


def _is_plain(flat: Sequence[bytes], now: int) -> bool:
    """Whether a first delivery may run without a script's leave: no record to write in, nothing that is over."""
    fields = dict(zip(flat[::2], flat[1::2], strict=False))
    expires = fields.get(b"expires", b"")
    return fields.get(b"record") == b"0" and b"start" not in fields and expires.isdigit() and int(expires) > now


def _pieces(taken: Taken) -> dict[int, str]:
    """What each input's text has become longer by; the thread that writes goes on meanwhile."""
    pieces: dict[int, str] = {}
    for _ in range(len(taken.pieces)):
        index, text = taken.pieces.popleft()
        pieces[index] = pieces.get(index, "") + text
    return pieces
