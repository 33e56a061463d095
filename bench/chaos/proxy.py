"""A TCP proxy between one process and Redis, whose connections can be cut, refused or frozen."""

from __future__ import annotations

import asyncio
import contextlib

CHUNK = 2**16


class Proxy:
    """``port`` leads to ``target`` on 127.0.0.1."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self._open = True
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.AbstractServer | None = None

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def drop(self) -> None:
        """Cut every connection; new ones are served."""
        for writer in list(self._writers):
            writer.transport.abort()

    def shut(self) -> None:
        """Cut every connection and refuse new ones."""
        self._open = False
        self.drop()

    def freeze(self) -> None:
        """Pass nothing on, and say nothing."""
        self._flowing.clear()

    def heal(self) -> None:
        """Serve as if nothing had been."""
        self._open = True
        self._flowing.set()

    def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
        self.drop()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._open:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, far_writer}
        try:
            await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))
        finally:
            self._writers -= {writer, far_writer}

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()
        writer.transport.abort()
