"""One process's line to Redis: calls out, replies in.

Calls that arrive while a round trip is under way leave together in the next one, so that a busy process pays for one
round trip per group, an idle one for no delay. Replies come in on one stream of this process's own.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import structlog

from shared import keys
from shared.errors import QueueUnavailable
from shared.queue.submission import refusal
from shared.redis import Call, RedisError, connect_async, run_through
from shared.settings import RedisSettings
from shared.wire import Wire

log = structlog.get_logger(__name__)
CANCEL_AGAIN_S = 0.2
READ_AT_ONCE = 500
BLOCK_MS = 2000
TRIM_AFTER_BYTES = 256 * 1024
"""Replies that are read and may still lie in Redis; trimming after each would cost a round trip per answer."""
OnReply = Callable[[str, str, bytes], None]


class Line:
    """Sends calls and hands each reply (job id, state, body) to ``on_reply``."""

    def __init__(self, redis: RedisSettings, on_reply: OnReply) -> None:
        self.replica = secrets.token_hex(8)
        self.stream = keys.reply(self.replica)
        self.connected = False
        self.client = connect_async(redis)
        self._on_reply = on_reply
        self._outbox: list[tuple[Call, asyncio.Future[Any]]] = []
        self._more = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = False

    def open(self) -> None:
        """Begin to send and to listen. Works while Redis is away; calls then raise QueueUnavailable."""
        self._tasks = [asyncio.create_task(self._send()), asyncio.create_task(self._listen())]

    async def close(self) -> None:
        """Stop both and close the connections; whoever still waits for a call is told that the queue is gone."""
        self._closing = True
        await stop(self._tasks)
        for _, answer in self._outbox:
            if not answer.done():
                answer.set_exception(gone())
        await self.client.aclose()

    async def run(self, call: Call) -> Any:
        """The call's answer, sent along with whatever else is waiting to go. Raises QueueFull, QueueUnavailable."""
        answer = await self.post(call)
        if isinstance(answer, RedisError):
            raise refusal(answer) from answer
        return answer

    def post(self, call: Call) -> asyncio.Future[Any]:
        """As ``run``, without waiting; the answer may be a RedisError. Raises QueueUnavailable."""
        if self._closing:
            raise gone()
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._outbox.append((call, answer))
        self._more.set()
        return answer

    async def _send(self) -> None:
        wire = Wire(self.client)
        while not self._closing:
            batch: list[tuple[Call, asyncio.Future[Any]]] = []
            answers: Sequence[Any] = []
            try:
                await self._more.wait()
                self._more.clear()
                batch, self._outbox = self._outbox, []
                answers = [RedisError("closed")] * len(batch)
                answers = await run_through(wire.send, [call for call, _ in batch])
            except asyncio.CancelledError:
                if not _stray():
                    raise
            except Exception as error:  # noqa: BLE001 - see _broken
                self._broken(error)
                answers = [error if isinstance(error, RedisError) else RedisError(type(error).__name__)] * len(batch)
            finally:
                for (_, future), answer in zip(batch, answers, strict=True):
                    if not future.done():
                        future.set_result(answer)

    async def _listen(self) -> None:
        wire, last, untrimmed = Wire(self.client), "0", 0
        while not self._closing:
            try:
                read = await self._read(wire, last)
                self.connected = True
                for entry, flat in read:
                    fields = dict(zip(flat[::2], flat[1::2], strict=True))
                    last = entry.decode()
                    self._reply(fields)
                    untrimmed += 100 + len(fields.get(b"body", b""))
                if untrimmed > TRIM_AFTER_BYTES:
                    await self.client.xtrim(self.stream, minid=last, approximate=False)
                    untrimmed = 0
            except asyncio.CancelledError:
                if not _stray():
                    raise
            except Exception as error:  # noqa: BLE001 - see _broken
                self._broken(error)
                await asyncio.sleep(0.2 + secrets.randbelow(300) / 1000)

    def _broken(self, error: Exception) -> None:
        """Say so and go on, whatever it was: a loop that died would leave this process answering nobody."""
        self.connected = False
        if isinstance(error, (RedisError, OSError)):
            log.warning("redis.unreachable", error=type(error).__name__)
        else:
            log.error("redis.line_broken", exc_info=error)

    async def _read(self, wire: Wire, last: str) -> list[Any]:
        (read,) = await wire.send([("XREAD", "COUNT", READ_AT_ONCE, "BLOCK", BLOCK_MS, "STREAMS", self.stream, last)])
        if isinstance(read, RedisError):
            raise read
        entries: list[Any] = read[0][1] if read else []
        return entries

    def _reply(self, fields: dict[bytes, bytes]) -> None:
        job_id, state = fields.get(b"id", b""), fields.get(b"state", b"")
        self._on_reply(job_id.decode(errors="replace"), state.decode(errors="replace"), fields.get(b"body", b""))


def _stray() -> bool:
    """Whether nobody asked for the cancellation that was just met.

    redis-py looks with ``asyncio.timeout(0)`` whether a connection still stands; before Python 3.13 that may leave a
    cancellation behind when the connection ends at that moment. Ended by it, a line would never answer a call again.
    """
    requests = getattr(asyncio.current_task(), "cancelling", None)  # Python 3.10 has neither this nor that timeout
    return requests is not None and requests() == 0


async def stop(tasks: Iterable[asyncio.Task[None]]) -> None:
    """End the tasks. They are canceled until they have ended, because redis-py may swallow it while it connects."""
    running = set(tasks)
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=CANCEL_AGAIN_S)


def gone() -> QueueUnavailable:
    """What a caller hears when the process stops."""
    return QueueUnavailable("The server is shutting down; try again.")
