"""A real DNS server on a UDP socket, whose answers change from question to question, and a resolver that asks it."""

from __future__ import annotations

import asyncio
import ipaddress
import itertools
import struct
from collections.abc import Sequence

from typing_extensions import override

A, AAAA, CNAME = 1, 28, 5
Answer = Sequence[tuple[int, str]]


def name(text: str) -> bytes:
    return b"".join(bytes([len(part)]) + part.encode() for part in text.split(".")) + b"\0"


class DnsServer(asyncio.DatagramProtocol):
    """Answers the n-th question of each type with the n-th of ``answers``; the last stands for all that follow."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        self.answers = answers
        self.questions: list[int] = []
        self._transport: asyncio.DatagramTransport | None = None

    async def start(self) -> int:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        port: int = self._transport.get_extra_info("sockname")[1]
        return port

    def stop(self) -> None:
        assert self._transport is not None
        self._transport.close()

    @override
    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        kind = struct.unpack(">H", data[-4:-2])[0]
        turn = self.questions.count(kind)
        self.questions.append(kind)
        found = [(one, value) for one, value in self.answers[min(turn, len(self.answers) - 1)] if one in {kind, CNAME}]
        records = b"".join(self._record(*one) for one in found)
        head = data[:2] + struct.pack(">HHHHH", 0x8180, 1, len(found), 0, 0)
        assert self._transport is not None
        self._transport.sendto(head + data[12:] + records, addr)

    def _record(self, kind: int, value: str) -> bytes:
        data = name(value) if kind == CNAME else ipaddress.ip_address(value).packed
        return b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 0, len(data)) + data  # time to live: 0 seconds


class Stub(asyncio.DatagramProtocol):
    """One question, one answer."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    @override
    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.answer.set_result(data)


class Resolver:
    """Asks one server for A and AAAA, as getaddrinfo does."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._ids = itertools.count(1)

    async def __call__(self, host: str, port: int) -> list[str]:
        return [*await self._ask(host, A), *await self._ask(host, AAAA)]

    async def _ask(self, host: str, kind: int) -> list[str]:
        loop = asyncio.get_running_loop()
        transport, stub = await loop.create_datagram_endpoint(Stub, remote_addr=("127.0.0.1", self._port))
        try:
            head = struct.pack(">HHHHHH", next(self._ids), 0x0100, 1, 0, 0, 0)
            transport.sendto(head + name(host) + struct.pack(">HH", kind, 1))
            return addresses(await asyncio.wait_for(stub.answer, 5))
        finally:
            transport.close()


def addresses(packet: bytes) -> list[str]:
    """The A and AAAA records of an answer to one question."""
    count = struct.unpack(">H", packet[6:8])[0]
    at = 12
    while packet[at]:
        at += packet[at] + 1
    at += 5
    found: list[str] = []
    for _ in range(count):
        kind, _, _, length = struct.unpack(">HHIH", packet[at + 2 : at + 12])
        if kind in {A, AAAA}:
            found.append(str(ipaddress.ip_address(packet[at + 12 : at + 12 + length])))
        at += 12 + length
    return found
