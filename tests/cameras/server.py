"""A camera that speaks RTSP: one encoded film in a loop, RTP/H.264 over the RTSP connection. Run as a process.

``python -m tests.cameras.server PORT WIDTH HEIGHT FPS PICTURES`` says ``ready`` once it listens. Paths: ``/cam`` and
``/cam/N`` play, ``/secret`` plays for camera:swordfish, ``/silent`` promises and sends nothing, others are not found.
SIGUSR1 changes to half the size and back; SIGSTOP stalls it.
"""

from __future__ import annotations

import asyncio
import base64
import re
import secrets
import signal
import struct
import sys
import time
from collections.abc import Iterator

from tests.cameras.film import encoded

CREDENTIALS = "camera:swordfish"
CLOCK = 90_000
PAYLOAD_BYTES = 1_400
START_CODE = re.compile(b"\x00\x00\x00?\x01")


def units_of(access_unit: bytes) -> list[bytes]:
    """The NAL units of an Annex-B access unit."""
    return [unit for unit in START_CODE.split(access_unit) if unit]


def payloads(nal: bytes) -> Iterator[bytes]:
    """RTP payloads of one NAL unit: itself, or fragments (FU-A, RFC 6184 section 5.8)."""
    if len(nal) <= PAYLOAD_BYTES:
        yield nal
        return
    indicator, kind = (nal[0] & 0xE0) | 28, nal[0] & 0x1F
    parts = [nal[at : at + PAYLOAD_BYTES] for at in range(1, len(nal), PAYLOAD_BYTES)]
    for index, part in enumerate(parts):
        first, last = index == 0, index == len(parts) - 1
        yield bytes([indicator, first << 7 | last << 6 | kind]) + part


class Film:
    """Plays: everybody who watches gets the number and the access unit of each picture when its time comes."""

    def __init__(self, width: int, height: int, fps: int, pictures: int) -> None:
        self.fps = fps
        self._films = [encoded(width, height, fps, pictures), encoded(width // 2, height // 2, fps, pictures)]
        self.watchers: set[asyncio.Queue[tuple[int, bytes]]] = set()
        self.current = 0

    @property
    def parameter_sets(self) -> list[bytes]:
        return [unit for unit in units_of(self._films[self.current][0]) if unit[0] & 31 in (7, 8)]

    async def play(self, started: float) -> None:
        count = len(self._films[0])
        shown = self.current
        number = 0
        while True:
            if number % self.fps == 0:  # a key frame: the size may change here
                shown = self.current
            for watcher in self.watchers:
                if not watcher.full():
                    watcher.put_nowait((number, self._films[shown][number % count]))
            number += 1
            await asyncio.sleep(max(0.0, started + number / self.fps - time.time()))


class Session:
    """One RTSP connection."""

    def __init__(self, film: Film, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._film, self._reader, self._writer = film, reader, writer
        self._id = secrets.token_hex(4)
        self._path = ""
        self._pump: asyncio.Task[None] | None = None

    async def run(self) -> None:
        try:
            while await self._request():
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            if self._pump:
                self._pump.cancel()
            self._writer.close()

    async def _request(self) -> bool:
        first = await self._reader.readexactly(1)
        if first == b"$":  # the player's RTCP
            head = await self._reader.readexactly(3)
            await self._reader.readexactly(int.from_bytes(head[1:], "big"))
            return True
        lines = (first + await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, url, _ = lines[0].split(" ", 2)
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        self._answer_to(method, url, headers)
        await self._writer.drain()
        return method != "TEARDOWN"

    def _answer_to(self, method: str, url: str, headers: dict[str, str]) -> None:
        sequence = headers.get("cseq", "0")
        path = "/" + url.split("://", 1)[-1].partition("/")[2].rstrip("/").removesuffix("/track0")
        known = re.fullmatch(r"/cam(/\d+)?|/secret|/silent", path)
        expected = "Basic " + base64.b64encode(CREDENTIALS.encode()).decode()
        if method == "OPTIONS":
            self._reply(sequence, {"Public": "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER"})
        elif not known:
            self._reply(sequence, {}, status="404 Not Found")
        elif path == "/secret" and headers.get("authorization") != expected:
            self._reply(sequence, {"WWW-Authenticate": 'Basic realm="camera"'}, status="401 Unauthorized")
        elif method == "DESCRIBE":
            self._reply(sequence, {"Content-Base": f"{url}/", "Content-Type": "application/sdp"}, self._description())
        elif method == "SETUP" and "TCP" not in headers.get("transport", ""):
            self._reply(sequence, {}, status="461 Unsupported Transport")
        elif method == "SETUP":
            self._path = path
            transport = "RTP/AVP/TCP;unicast;interleaved=0-1"
            self._reply(sequence, {"Transport": transport, "Session": f"{self._id};timeout=60"})
        else:
            self._reply(sequence, {"Session": self._id})
            if method == "PLAY" and self._pump is None and self._path != "/silent":
                self._pump = asyncio.create_task(self._send())

    def _description(self) -> str:
        sets = self._film.parameter_sets
        sprop = ",".join(base64.b64encode(unit).decode() for unit in sets)
        lines = (
            *("v=0", "o=- 0 0 IN IP4 127.0.0.1", "s=film", "c=IN IP4 0.0.0.0", "t=0 0", "a=control:*"),
            *("m=video 0 RTP/AVP 96", f"a=rtpmap:96 H264/{CLOCK}", f"a=framerate:{self._film.fps}"),
            f"a=fmtp:96 packetization-mode=1; profile-level-id={sets[0][1:4].hex()}; sprop-parameter-sets={sprop}",
            "a=control:track0",
        )
        return "".join(f"{line}\r\n" for line in lines)

    def _reply(self, sequence: str, headers: dict[str, str], body: str = "", status: str = "200 OK") -> None:
        said = {"CSeq": sequence, **headers, **({"Content-Length": str(len(body))} if body else {})}
        head = "".join(f"{name}: {value}\r\n" for name, value in said.items())
        self._writer.write(f"RTSP/1.0 {status}\r\n{head}\r\n{body}".encode())

    async def _send(self) -> None:
        queue: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue(self._film.fps)
        self._film.watchers.add(queue)
        sequence, source, started = 0, secrets.randbits(31), False
        try:
            while True:
                number, unit = await queue.get()
                started = started or number % self._film.fps == 0
                if not started:
                    continue
                nals = units_of(unit)
                for index, nal in enumerate(nals):
                    parts = list(payloads(nal))
                    for part in parts:
                        marker = 0x80 if index == len(nals) - 1 and part is parts[-1] else 0
                        stamp = number * CLOCK // self._film.fps & 0xFFFFFFFF
                        head = struct.pack("!BBHII", 0x80, 96 | marker, sequence & 0xFFFF, stamp, source)
                        self._writer.write(b"$\x00" + struct.pack("!H", len(head) + len(part)) + head + part)
                        sequence += 1
                await self._writer.drain()
        except ConnectionError:
            pass
        finally:
            self._film.watchers.discard(queue)


async def main(port: int, width: int, height: int, fps: int, pictures: int) -> None:
    film = Film(width, height, fps, pictures)

    def change() -> None:
        film.current = 1 - film.current

    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, change)
    server = await asyncio.start_server(lambda r, w: Session(film, r, w).run(), "127.0.0.1", port, backlog=64)
    started = time.time()
    sys.stdout.write(f"ready {started!r}\n")
    sys.stdout.flush()
    async with server:
        await film.play(started)


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:6])))
