"""Streams as the API sees them: made, commanded, read, followed. Every method raises QueueUnavailable without Redis.

Commands are no messages but a desired state in the record: an owner that has just died is no loss, the next one reads
the same record.
"""

from __future__ import annotations

import asyncio
import secrets
import time
import uuid
from collections.abc import AsyncIterator, Awaitable
from typing import Any, NamedTuple

from shared import keys
from shared.access.rights import EVERYTHING, Rights, load
from shared.codec import DecodeError, pack, unpack
from shared.errors import Conflict, NoStreamService, SourceUnreachable, StreamNotFound, StreamsFull, from_dict
from shared.queue.submission import refusal
from shared.redis import AsyncRedis, Call, RedisError, run_async
from shared.streams import scripts
from shared.streams.records import Stream, Streamer, mapping, session_from, stream_from, streamer_from
from shared.streams.settings import StreamLimits
from shared.streams.spec import Desired, PipelineSpec, SourceSpec

WATCH_MS = 10_000
PROBE_TTL_S = 60
SESSION_END_S = 60
COMPILING_S = 30
"""What the first workflow of a stream service may take longer: it loads all blocks."""
WATCH_AGAIN_S = 3.0
FOLLOW_EVERY_S = 0.04


class StreamStore:
    """The API's side."""

    def __init__(self, client: AsyncRedis, limits: StreamLimits) -> None:
        self._client = client
        self._limits = limits

    async def create(self, spec: PipelineSpec, rights: Rights = EVERYTHING, request_id: str = "") -> str:
        """Accept a stream; a stream service takes it up within a second. Returns its id.

        ``rights`` are its maker's; the request's id is for the logs. Raises StreamsFull, NoStreamService.
        """
        await self._check_room(len(spec.sources))
        stream_id = str(uuid.uuid4())
        names = [keys.stream(stream_id), keys.STREAMS, keys.STREAMS_WAKE]
        arguments = (
            stream_id,
            spec.model_dump_json(),
            self._limits.stream_max,
            rights.owner,
            rights.dump(),
            request_id,
        )
        made = await self._run(scripts.CREATE(names, *arguments))
        if made == -1:
            raise StreamsFull(
                f"There are {self._limits.stream_max} streams, which is the limit (VISIONFLEET_STREAM_MAX)."
            )
        if made == 0:
            raise Conflict("There is already a stream with this id.")
        return stream_id

    async def get(self, stream_id: str) -> Stream:
        """The stream now. Raises StreamNotFound."""
        found = await self._read([stream_id])
        if not found:
            raise not_found()
        return found[0]

    async def all(self) -> list[Stream]:
        """Every stream, oldest first."""
        ids = await self._ask(self._client.zrange(keys.STREAMS, 0, -1))
        return await self._read([stream_id.decode() for stream_id in ids])

    async def streamers(self) -> list[Streamer]:
        """The live stream services."""
        ids = [member.decode() for member in await self._ask(self._client.zrange(keys.STREAMERS, 0, -1))]
        values = await self._ask(self._client.mget([keys.streamer(one) for one in ids])) if ids else []
        found = [streamer_from(one, value) for one, value in zip(ids, values, strict=True)]
        return [streamer for streamer in found if streamer is not None]

    async def sessions(self) -> list[Stream]:
        """The WebRTC sessions, which live as long as their connection."""
        rows = [(one.id, row) for one in await self.streamers() for row in one.sessions]
        return [found for replica, row in rows if (found := session_from(replica, row)) is not None]

    async def end_session(self, session_id: str) -> None:
        """Let a WebRTC session end, within a second or so."""
        await self._ask(self._client.set(keys.stream_session_end(session_id), b"1", ex=SESSION_END_S))

    async def desire(self, stream_id: str, desired: Desired) -> None:
        """Run, mute or pause. Doing so twice is no error. Raises StreamNotFound."""
        await self._command(stream_id, "desired", desired)

    async def update(self, stream_id: str, spec: PipelineSpec, version: int, rights: Rights | None = None) -> int:
        """Replace the specification that had ``version``, and with ``rights`` what it may use.

        Returns the new version. Raises StreamNotFound, Conflict.
        """
        return await self._command(stream_id, "spec", spec.model_dump_json(), version, rights)

    async def restart(self, stream_id: str) -> None:
        """Begin anew, also after the end. Raises StreamNotFound."""
        await self._command(stream_id, "restart", "")

    async def terminate(self, stream_id: str) -> None:
        """End and forget it, in whatever state it is; again within an hour is no error. Raises StreamNotFound."""
        names = [keys.stream(stream_id), keys.STREAMS, keys.STREAMS_WAKE]
        if await self._run(scripts.COMMAND(names, stream_id, "terminate", "", 0, "")) == 0:
            raise not_found()

    async def consume(self, stream_id: str) -> dict[str, Any] | None:
        """The oldest buffered result, which is taken out; None when there is none. Raises StreamNotFound."""
        names = [keys.stream(stream_id), keys.stream_buffer(stream_id)]
        answer = await self._run(scripts.CONSUME(names))
        if not answer:
            raise not_found()
        return mapping(answer[1]) or None

    async def follow(self, stream_id: str) -> AsyncIterator[dict[str, Any] | None]:
        """Results as they come from now on; None after each second without any. Ends when the stream is over.

        It polls: a blocking read would take a connection for each client.
        """
        await self.get(stream_id)
        feed = keys.stream_feed(stream_id)
        newest = await self._ask(self._client.xrevrange(feed, count=1))
        last, quiet, watched = newest[0][0] if newest else b"0", 0.0, float("-inf")
        while True:
            if time.monotonic() - watched > WATCH_AGAIN_S:
                await self.watch(stream_id, "results")
                watched = time.monotonic()
            read = await self._ask(self._client.xrange(feed, min=b"(" + last, count=100))
            for entry, fields in read:
                last, quiet = entry, 0.0
                yield mapping(fields.get(b"result"))
            if read:
                continue
            await asyncio.sleep(FOLLOW_EVERY_S)
            quiet += FOLLOW_EVERY_S
            if quiet >= 1.0:
                quiet = 0.0
                yield None
                if await self._is_over(stream_id):
                    return

    async def _is_over(self, stream_id: str) -> bool:
        try:
            return bool((await self.get(stream_id)).over)
        except StreamNotFound:
            return True

    async def watch(self, stream_id: str, what: str) -> None:
        """Let the owner know that somebody watches ``results`` or ``preview`` for the next seconds."""
        await self._ask(self._client.set(keys.stream_watch(stream_id, what), b"1", px=WATCH_MS))

    async def preview(self, stream_id: str, source_id: str) -> bytes | None:
        """The newest annotated JPEG of a source, if it is not older than some seconds; asking makes more come."""
        await self.watch(stream_id, "preview")
        picture: bytes | None = await self._ask(self._client.get(keys.stream_preview(stream_id, source_id)))
        return picture

    async def probe(
        self, spec: PipelineSpec, only: list[str] | None = None, rights: Rights = EVERYTHING
    ) -> dict[str, Any]:
        """Let a stream service check sinks and open every source, or those in ``only``. Returns what it saw, by id.

        Raises SourceError, InvalidRequest, NoStreamService.
        """
        await self._check_room(0)
        probe_id, timeout_s = secrets.token_hex(16), self._limits.stream_probe_timeout_s
        wanted = {"id": probe_id, "spec": spec.model_dump_json(), "timeout_s": timeout_s, "only": only}
        request = pack({**wanted, "rights": rights.dump()})
        await self._ask(self._client.rpush(keys.STREAM_PROBES, request))
        # A time-out of our own on each wait: the connection's may be shorter than the probe's.
        answer: Any = None
        patience_s = timeout_s + 2 + (COMPILING_S if spec.workflow is not None else 0)
        for _ in range(max(1, round(patience_s))):
            answer = await self._ask(self._client.blpop([keys.stream_probe(probe_id)], timeout=1))
            if answer:
                break
        if not answer:
            queue: Any = self._client  # typed for str, takes bytes
            await self._ask(queue.lrem(keys.STREAM_PROBES, 1, request))
            raise SourceUnreachable("No stream service could open the sources in time; try again.")
        told = mapping(answer[1])
        if told.get("error"):
            raise from_dict(told["error"])
        return dict(told.get("sources") or {})

    async def _check_room(self, sources: int) -> None:
        streamers = await self.streamers()
        if not streamers:
            raise NoStreamService("No stream service is running; start one: python -m stream_service.")
        if sources > sum(one.room for one in streamers):
            raise StreamsFull(
                "The stream services hold as many sources as they may (VISIONFLEET_STREAM_MAX_SOURCES each); "
                "end a stream or start another service."
            )

    async def _command(
        self, stream_id: str, what: str, value: str, version: int = 0, rights: Rights | None = None
    ) -> int:
        names = [keys.stream(stream_id), keys.STREAMS, keys.STREAMS_WAKE]
        arguments = (stream_id, what, value, version, "" if rights is None else rights.dump())
        answer = int(await self._run(scripts.COMMAND(names, *arguments)))
        if answer == -1:
            raise Conflict("The stream was changed by somebody else in the meantime; read it again.")
        if answer <= 0:
            raise not_found()
        return answer

    async def _read(self, ids: list[str]) -> list[Stream]:
        if not ids:
            return []
        pipe: Any = self._client.pipeline(transaction=False)
        pipe.time()
        for stream_id in ids:
            pipe.hgetall(keys.stream(stream_id)).get(keys.stream_status(stream_id))
        (seconds, micros), *rest = await self._ask(pipe.execute())
        now_ms = int(seconds) * 1000 + int(micros) // 1000
        rows = zip(ids, rest[::2], rest[1::2], strict=True)
        found = [stream_from(one, fields, status, now_ms) for one, fields, status in rows]
        return [stream for stream in found if stream is not None]

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


def not_found() -> StreamNotFound:
    """What is said of an unknown id."""
    return StreamNotFound("There is no stream of this id; it was never created, was terminated, or has ended.")


class ProbeRequest(NamedTuple):
    """What to try, of whom."""

    id: str
    spec: PipelineSpec
    timeout_s: float
    only: list[str] | None
    rights: Rights

    @property
    def sources(self) -> list[SourceSpec]:
        """Those to open."""
        return [source for source in self.spec.sources if self.only is None or source.id in self.only]


def probe_request(packed: bytes) -> ProbeRequest | None:
    """The request that ``probe`` wrote, or None when it cannot be read."""
    try:
        request = unpack(packed)
        spec = PipelineSpec.model_validate_json(request["spec"])
        return ProbeRequest(
            str(request["id"]), spec, float(request["timeout_s"]), request.get("only"), load(request["rights"])
        )
    except (DecodeError, KeyError, TypeError, ValueError):
        return None


def probe_answer(client: AsyncRedis, probe_id: str, answer: dict[str, Any]) -> Awaitable[Any]:
    """Leave the answer to a probe."""
    pipe: Any = client.pipeline()
    pipe.rpush(keys.stream_probe(probe_id), pack(answer)).expire(keys.stream_probe(probe_id), PROBE_TTL_S)
    execution: Awaitable[Any] = pipe.execute()
    return execution
