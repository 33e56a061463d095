"""Round trips to Redis from threads: half of what they cost through the client's pool and its connections."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

import hiredis
import redis
from redis.connection import DefaultParser, HiredisRespSerializer
from redis.exceptions import ConnectionError as Lost
from redis.exceptions import InvalidResponse, ResponseError
from redis.exceptions import TimeoutError as Late

Command: TypeAlias = tuple[Any, ...]
FRESH_S = 0.05
"""A connection that was used within this time is not asked whether Redis has closed it: none restarts so fast."""
READ_BYTES = 65_536
_PACKER: Any = HiredisRespSerializer()

_idle: WeakKeyDictionary[Any, list[_Line]] = WeakKeyDictionary()
"""Connections that are kept between round trips, by the pool that they were taken from."""


def exchange(client: redis.Redis, commands: Sequence[Command]) -> list[Any]:
    """The raw answers to commands in one round trip; a refusal is a ResponseError among them. Raises RedisError."""
    pool: Any = client.connection_pool
    idle = _idle.get(pool)
    if idle is None:
        idle = _idle.setdefault(pool, [])
    line = _usable(pool, idle) or _Line(pool.get_connection())
    try:
        answers = line.exchange(commands)
    except BaseException:  # what is still to come would be taken for the next answer
        _give_back(pool, line)
        raise
    idle.append(line)
    return answers


class _Line:
    """One connection, in the hands of one thread at a time: redis-py opens it and says who we are."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self._pid = os.getpid()
        self._socket = _socket_of(connection)
        self._reader = hiredis.Reader(protocolError=InvalidResponse, replyError=_refusal)
        self._used = time.monotonic()

    @property
    def open(self) -> bool:
        """Whether it may be used: by this process, on the socket that it began with, which Redis has not closed."""
        if self._pid != os.getpid() or _socket_of(self.connection) is not self._socket:
            return False
        if time.monotonic() - self._used < FRESH_S:
            return True
        try:
            return not self.connection.can_read()
        except redis.RedisError:
            return False

    def exchange(self, commands: Sequence[Command]) -> list[Any]:
        packed = [part for command in commands for part in _PACKER.pack(*command)]
        try:
            self._socket.sendall(b"".join(packed))
            answers = [self._answer() for _ in commands]
        except TimeoutError as error:
            raise Late("Redis did not answer in time.") from error
        except OSError as error:
            raise Lost(f"The connection to Redis broke: {type(error).__name__}.") from error
        self._used = time.monotonic()
        return answers

    def _answer(self) -> Any:
        while (answer := self._reader.gets()) is False:
            data = self._socket.recv(READ_BYTES)
            if not data:
                raise Lost("Redis closed the connection.")
            self._reader.feed(data)
        if isinstance(answer, Exception) and not isinstance(answer, ResponseError):
            raise answer  # it is loading its data, or does not know us any more
        return answer


def _usable(pool: Any, idle: list[_Line]) -> _Line | None:
    while idle:
        try:
            line = idle.pop()
        except IndexError:  # another thread was faster
            return None
        if line.open:
            return line
        _give_back(pool, line)
    return None


def _give_back(pool: Any, line: _Line) -> None:
    line.connection.disconnect()
    pool.release(line.connection)


def _refusal(text: str) -> Exception:
    """What redis-py makes of a refusal. Raised when it is of the connection, an answer when it is of the command."""
    parser: Any = DefaultParser
    made: Exception = parser.parse_error(text)
    return made


def _socket_of(connection: Any) -> Any:
    return connection._sock  # noqa: SLF001 - redis-py opens it, and has no other name for it
