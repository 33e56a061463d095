"""Small files that want to become large, and a process with little memory that meets them all.

``python -m tests.unit.shared.bombs`` prints one line per file: its name, and what decoding it raised.
"""

from __future__ import annotations

import resource
import struct
import sys
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow

from shared.decode import decode
from shared.errors import VisionfleetError

ROOM = 400 * 2**20
MAX_PIXELS = 16_000_000


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *chunks: bytes, rows: bytes = b"") -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def deflated(size: int) -> bytes:
    """Zeros, a thousandth of their size."""
    made = zlib.compressobj(9)
    return b"".join([*(made.compress(bytes(2**20)) for _ in range(size // 2**20)), made.flush()])


def encoded(width: int, height: int, kind: str, **options: Any) -> bytes:
    buffer = BytesIO()
    Pillow.new("RGB", (width, height)).save(buffer, kind, **options)
    return buffer.getvalue()


def patched(data: bytes, at: int, *values: int, form: str) -> bytes:
    return data[:at] + struct.pack(form, *values) + data[at + struct.calcsize(form) :]


def scans(count: int) -> bytes:
    """A progressive JPEG whose last scan is repeated: each costs a pass over all pixels."""
    data = encoded(2000, 2000, "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * count + b"\xff\xd9"


def tiff_of_many_frames(count: int) -> bytes:
    frame = Pillow.new("L", (1, 1))
    buffer = BytesIO()
    frame.save(buffer, "TIFF", save_all=True, append_images=[frame] * count)
    return buffer.getvalue()


def corpus() -> Iterator[tuple[str, bytes]]:
    big = deflated(2**29)
    yield "png-dimensions", png(60_000, 60_000, rows=deflated(2**24))
    yield "png-dimensions-overflow", png(2**31 - 1, 2**31 - 1)
    yield "png-more-rows-than-it-says", png(8, 8, rows=big)
    yield "png-text", png(8, 8, chunk(b"zTXt", b"k\0\0" + big), rows=zlib.compress(bytes(8 * 25)))
    yield "png-international-text", png(8, 8, chunk(b"iTXt", b"k\0\1\0\0\0" + big), rows=zlib.compress(bytes(200)))
    yield "png-profile", png(8, 8, chunk(b"iCCP", b"k\0\0" + big), rows=zlib.compress(bytes(8 * 25)))
    yield "png-many-chunks", png(8, 8, *([chunk(b"tEXt", b"k\0v")] * 50_000), rows=zlib.compress(bytes(200)))
    yield "gif-canvas", patched(encoded(8, 8, "GIF"), 6, 65_535, 65_535, form="<HH")
    yield "bmp-dimensions", patched(encoded(8, 8, "BMP"), 18, 60_000, 60_000, form="<ii")
    yield "bmp-negative", patched(encoded(8, 8, "BMP"), 18, -8, -60_000, form="<ii")
    yield "jpeg-dimensions", _jpeg_of(65_500, 65_500)
    yield "jpeg-scans", scans(3000)
    yield "tiff-frames", tiff_of_many_frames(200)
    yield "tiff-dimensions", _tiff_of(60_000, 60_000)
    yield "webp-canvas", _webp_canvas(16_384, 16_384)


def _jpeg_of(width: int, height: int) -> bytes:
    data = encoded(8, 8, "JPEG")
    return patched(data, data.index(b"\xff\xc0") + 5, height, width, form=">HH")


def _tiff_of(width: int, height: int) -> bytes:
    data = encoded(8, 8, "TIFF")
    for tag, value in ((256, width), (257, height)):
        at = data.index(struct.pack("<H", tag), 8)
        data = patched(data, at + 2, 4, 1, value, form="<HII")
    return data


def _webp_canvas(width: int, height: int) -> bytes:
    """An animation on a huge canvas: the first frame is tiny."""
    buffer = BytesIO()
    frames = [Pillow.fromarray(np.full((8, 8, 3), value, np.uint8)) for value in (0, 255)]
    frames[0].save(buffer, "WEBP", save_all=True, append_images=frames[1:])
    data = buffer.getvalue()
    at = data.index(b"VP8X") + 12
    return data[:at] + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little") + data[at + 6 :]


def main() -> None:
    files = list(corpus())
    decode(encoded(64, 64, "PNG"), MAX_PIXELS)  # libraries and their threads are there before the limit is
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, used + ROOM))
    for name, data in files:
        try:
            outcome = f"decoded {decode(data, MAX_PIXELS).shape}"
        except VisionfleetError as error:
            outcome = error.code
        sys.stdout.write(f"{name} {outcome}\n")


if __name__ == "__main__":
    main()
