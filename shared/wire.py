"""One connection to Redis for one task: a third of what a round trip through the client's pool costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from redis.connection import HiredisRespSerializer
from redis.exceptions import ResponseError

from shared.redis import AsyncRedis, Command

LARGE = 16_384
"""Arguments from this size on go to the socket as they are; smaller ones are copied together."""


class Wire:
    """Takes a connection of the client's pool for itself, and another after an error."""

    def __init__(self, client: AsyncRedis) -> None:
        self._pool: Any = client.connection_pool
        self._connection: Any = None
        self._packer: Any = HiredisRespSerializer()  # asyncio connections pack in Python, word by word

    async def send(self, commands: Sequence[Command]) -> list[Any]:
        """The raw answers, in one round trip; a refusal is a ResponseError among them. Raises RedisError, OSError."""
        if self._connection is None:
            self._connection = await self._pool.get_connection()
        connection = self._connection
        try:
            await self._pool.ensure_connection(connection)  # a Redis that was restarted has closed it
            await connection.send_packed_command(self._packed(connection, commands), check_health=False)
            return [await _answer(connection) for _ in commands]
        except BaseException:  # canceled too: what is still to come would be taken for the next answer
            self._connection = None
            await connection.disconnect(nowait=True)
            await self._pool.release(connection)
            raise

    def _packed(self, connection: Any, commands: Sequence[Command]) -> list[bytes]:
        packed: list[bytes] = []
        for command in commands:
            large = any(isinstance(word, (bytes, bytearray, memoryview)) and len(word) >= LARGE for word in command)
            packed += connection.pack_command(*command) if large else self._packer.pack(*command)
        return packed


async def _answer(connection: Any) -> Any:
    try:
        return await connection.read_response()
    except ResponseError as refusal:
        return refusal
