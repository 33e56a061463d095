"""Clients that send too slowly, too much, or in too many pieces: cut off, and everybody else is served meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

import aiohttp
import msgpack
import psutil
import pytest
import pytest_asyncio

from tests.integration.test_api_service import api

pytestmark = pytest.mark.integration
HEAD = b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
LIMIT = 2_000_000


@pytest_asyncio.fixture
async def server(redis_url: str) -> AsyncIterator[tuple[psutil.Process, int]]:
    settings = {"max_body_bytes": str(LIMIT), "body_timeout_s": "1.5", "keepalive_timeout_s": "1"}
    async with api(redis_url, **settings) as (process, base):
        yield psutil.Process(process.pid), int(base.rsplit(":", 1)[1])


async def send(port: int, *pieces: bytes, pause: float = 0) -> bytes:
    """What the server says to the pieces, until it closes or has said a whole head."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause)
        return await asyncio.wait_for(_said(reader), 20)
    finally:
        writer.close()


async def _said(reader: asyncio.StreamReader) -> bytes:
    with contextlib.suppress(ConnectionError):
        return await reader.read(300)
    return b""


async def test_one_byte_chunks(server: tuple[psutil.Process, int]) -> None:
    """Triton CVE-2025-23310: fragments of a body cost memory for each of them."""
    process, port = server
    before = process.memory_info().rss
    bomb = b"1\r\n \r\n" * 300_000 + b"0\r\n\r\n"
    answers = await asyncio.gather(*(send(port, CHUNKED, bomb) for _ in range(4)))
    for answer in answers:
        assert answer.split()[1] in {b"400", b"408", b"413", b"422"}, answer
    assert process.memory_info().rss - before < 100 * 2**20


async def test_a_body_without_end(server: tuple[psutil.Process, int]) -> None:
    process, port = server
    before = process.memory_info().rss
    piece = b"%x\r\n%b\r\n" % (100_000, b" " * 100_000)
    assert (await send(port, CHUNKED, *[piece] * 200)).split()[1] == b"413"
    assert (await send(port, HEAD + b"Content-Length: 999999999999\r\n\r\n")).split()[1] == b"413"
    assert process.memory_info().rss - before < 50 * 2**20


async def test_slow_clients_are_cut_off_while_others_are_served(server: tuple[psutil.Process, int]) -> None:
    """Slow loris: a head that never ends, and a body that comes a byte at a time."""
    _, port = server

    async def other() -> list[int]:
        statuses: list[int] = []
        async with aiohttp.ClientSession() as session:
            for _ in range(10):
                async with session.get(f"http://127.0.0.1:{port}/healthz") as answer:
                    statuses.append(answer.status)
                await asyncio.sleep(0.1)
        return statuses

    slow_heads = [send(port, *[b"GET / HTTP/1.1\r\nX-A: b\r\n", *[b"X: y\r\n"] * 20], pause=0.15) for _ in range(20)]
    slow_bodies = [send(port, HEAD + b"Content-Length: 50\r\n\r\n", *[b" "] * 20, pause=0.15) for _ in range(20)]
    (statuses, *answers) = await asyncio.gather(other(), *slow_heads, *slow_bodies)
    assert statuses == [200] * 10
    assert all(answer == b"" or answer.split()[1] in {b"400", b"408"} for answer in answers)
    assert any(answer.split()[1:2] == [b"408"] for answer in answers)


async def test_heads_that_are_too_large(server: tuple[psutil.Process, int]) -> None:
    _, port = server
    for head in (b"GET /" + b"a" * 100_000, b"GET / HTTP/1.1\r\nX: " + b"a" * 100_000, _many_headers(100_000)):
        answer = await send(port, head + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert answer == b"" or answer.split()[1] in {b"400", b"414", b"431"}, answer


def _many_headers(count: int) -> bytes:
    return b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % number for number in range(count))


def _deep(depth: int) -> Iterator[tuple[str, bytes]]:
    nested: object = []
    for _ in range(400):
        nested = [nested]
    yield "application/json", b'{"model": "a", "params": ' + b'{"a":' * depth + b"1" + b"}" * depth + b"}"
    yield "application/json", b"[" * depth
    yield "application/msgpack", msgpack.packb({"model": "a", "params": {"a": nested}, "image": b"x"})
    yield "application/msgpack", b"\x81\xa6params" + b"\x91" * depth
    yield "application/msgpack", b"\xdd\xff\xff\xff\xff"
    yield "application/msgpack", b"\xc6\xff\xff\xff\xff"


async def test_deep_and_lying_documents(server: tuple[psutil.Process, int]) -> None:
    process, port = server
    before = process.memory_info().rss
    async with aiohttp.ClientSession() as session:
        for kind, data in _deep(100_000):
            async with session.post(
                f"http://127.0.0.1:{port}/v1/jobs", data=data, headers={"Content-Type": kind}
            ) as answer:
                assert answer.status in {400, 413, 422, 503}, (kind, data[:20], await answer.text())
                assert answer.status != 503 or "no_worker" in await answer.text()
    assert process.memory_info().rss - before < 50 * 2**20
