"""One connection to Redis for one task. redis-py opens it; what goes over it then passes redis-py's reader by.

That reader makes a task for each write, a timeout for each answer and a stream between socket and parser: together
more than all that the front door does for a small request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import hiredis
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import InvalidResponse, RedisError, ResponseError
from redis.exceptions import TimeoutError as NoAnswer
from typing_extensions import override

from shared.redis import AsyncRedis, Command

LARGE = 524_288
"""Arguments from this size on go to the socket as they are; copying smaller ones costs less than redis-py's packing."""


class Wire:
    """Takes a connection of the client's pool for itself, and another after an error."""

    def __init__(self, client: AsyncRedis) -> None:
        self._pool: Any = client.connection_pool
        self._connection: Any = None
        self._link: _Link | None = None

    async def send(self, commands: Sequence[Command]) -> list[Any]:
        """The raw answers, in one round trip; a refusal is a ResponseError among them. Raises RedisError, OSError."""
        if self._link is None or self._link.lost:  # by a Redis that was restarted
            await self._let_go()
            self._connection = await self._pool.get_connection()
            self._link = _Link(self._connection)
        try:
            return await self._link.exchange(self._packed(commands), len(commands))
        except BaseException:  # canceled too: what is still to come would be taken for the next answer
            await self._let_go()
            raise

    async def _let_go(self) -> None:
        connection, self._connection, self._link = self._connection, None, None
        if connection is not None:
            await connection.disconnect(nowait=True)
            await self._pool.release(connection)

    def _packed(self, commands: Sequence[Command]) -> list[bytes]:
        packed: list[bytes] = []
        for command in commands:
            large = any(len(word) >= LARGE for word in command if type(word) is bytes)
            packed += self._connection.pack_command(*command) if large else [hiredis.pack_command(command)]
        return packed


class _Link(asyncio.Protocol):
    """Stands in redis-py's place at the transport of a connection that is open and authenticated."""

    def __init__(self, connection: Any) -> None:
        self.lost = False
        self._reader = hiredis.Reader(protocolError=InvalidResponse, replyError=connection._parser.parse_error)  # noqa: SLF001 - the one that redis-py reads with
        self._timeout_s: float = connection.socket_timeout
        self._transport = connection._writer.transport  # noqa: SLF001 - there is no other way to it
        self._before = self._transport.get_protocol()
        self._answers: list[Any] = []
        self._wanted = 0
        self._done: asyncio.Future[list[Any]] | None = None
        self._loop = asyncio.get_running_loop()
        self._transport.set_protocol(self)
        self.lost = self._transport.is_closing()

    async def exchange(self, packed: Sequence[bytes], wanted: int) -> list[Any]:
        """Write the commands and wait for so many answers. Raises RedisError."""
        if self.lost:
            raise Disconnected("Redis closed the connection.")
        self._answers, self._wanted, self._done = [], wanted, self._loop.create_future()
        timer = self._loop.call_later(self._timeout_s, self._fail, NoAnswer("Redis did not answer in time."))
        try:
            self._transport.writelines(packed)
            return await self._done
        finally:
            timer.cancel()
            self._done = None

    @override
    def data_received(self, data: bytes) -> None:
        try:
            self._reader.feed(data)
            while len(self._answers) < self._wanted:
                answer = self._reader.gets()
                if answer is False:
                    return
                if isinstance(answer, RedisError) and not isinstance(answer, ResponseError):
                    self._fail(answer)  # Redis is loading its data, or does not know us any more
                    return
                self._answers.append(answer)
        except InvalidResponse as error:
            self._fail(error)
            return
        if self._done is not None and not self._done.done():
            self._done.set_result(self._answers)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self._fail(Disconnected("Redis closed the connection."))
        self._before.connection_lost(exc)  # redis-py waits for it when it closes

    @override
    def eof_received(self) -> None:
        """None: the transport closes itself."""

    def _fail(self, error: Exception) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_exception(error)
