"""One UDP datagram per result, in the form of Roboflow's UDPSink: the answer with ``inference_metadata``."""

from __future__ import annotations

import asyncio
import socket
from datetime import datetime, timezone
from typing import Any

from pydantic import Field
from typing_extensions import override

from shared.errors import SinkUnavailable
from stream_service.answers import to_json
from stream_service.destinations import resolve
from stream_service.frame import FrameResult
from stream_service.sink import Sink, SinkOptions


class UdpOptions(SinkOptions):
    """Where datagrams go."""

    host: str = Field(max_length=253, description="Receiver: a name or an address; broadcast addresses work.")
    port: int = Field(ge=1, le=65_535, description="Port of the receiver.")
    max_bytes: int = Field(
        default=60_000,
        ge=512,
        le=65_507,
        description="Largest datagram; the least sure predictions are left out until it fits, and `truncated` says so.",
    )


class UdpSink(Sink):
    """Fire and forget: who listens gets the newest, nobody is waited for."""

    NAME = "udp"
    Options = UdpOptions
    _socket: socket.socket | None = None
    _address: tuple[str, int] = ("", 0)

    @override
    async def open(self) -> None:
        self._address = await resolve(self.options.host, self.options.port, self.context.settings)
        family = socket.AF_INET6 if ":" in self._address[0] else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)

    @override
    async def write(self, result: FrameResult) -> None:
        if not result.ok or self._socket is None:
            return
        datagram = fitted(message(result), self.options.max_bytes)
        try:
            await asyncio.get_running_loop().run_in_executor(None, self._send, datagram)
        except OSError as error:
            raise SinkUnavailable(f"A datagram could not be sent: {error.strerror}.") from error

    def _send(self, datagram: bytes) -> None:
        if self._socket is not None:
            self._socket.sendto(datagram, self._address)

    @override
    async def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def message(result: FrameResult) -> dict[str, Any]:
    """The datagram as plain data."""
    return {
        **result.content,
        "inference_metadata": {
            "pipeline_id": result.pipeline_id,
            "source_id": result.frame.source_id,
            "frame_id": result.frame.number,
            "frame_decoding_time": result.captured_iso,
            "emission_time": datetime.now(timezone.utc).isoformat(),
        },
    }


def fitted(data: dict[str, Any], most: int) -> bytes:
    """The datagram in at most so many bytes. Raises SinkUnavailable when leaving predictions out does not help."""
    encoded = to_json(data)
    rows = data.get("predictions")
    if len(encoded) <= most or not isinstance(rows, list):
        if len(encoded) > most:
            raise SinkUnavailable("A result is too large for a datagram; choose another sink, or fewer outputs.")
        return encoded
    best = sorted(rows, key=lambda row: -float(row.get("confidence") or 0))
    low, high = 0, len(best)  # the most rows that fit lie in low..high
    while low < high:
        middle = (low + high + 1) // 2
        fits = len(to_json({**data, "predictions": best[:middle], "truncated": True})) <= most
        low, high = (middle, high) if fits else (low, middle - 1)
    encoded = to_json({**data, "predictions": best[:low], "truncated": True})
    if len(encoded) > most:
        raise SinkUnavailable("A result is too large for a datagram; choose another sink, or fewer outputs.")
    return encoded


SINK = UdpSink
