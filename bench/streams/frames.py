"""CPU per frame of the ways from a stream service to a worker on its host: JPEG through Redis, pixels in shared memory.

Counted is the CPU time of this process and of redis-server, so that a busy machine changes little. ``scaled`` is a
frame of 1920x1080 scaled for a model of 640 pixels, ``full`` that frame as it is, ``vga`` one of 640x480 as it is.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import Any

import av
import numpy as np
import psutil
import redis
from av.video.reformatter import VideoReformatter

from bench import report
from shared.decode import decode
from stream_service.picture import VideoPicture
from tests.cameras.film import picture
from tests.redis_server import RedisServer

MOST_PIXELS = 2**26
SCALER = VideoReformatter()
"""Kept from frame to frame, as the stream service keeps its own."""


def frames(count: int) -> list[Any]:
    """Decoded frames in YUV, as a camera's decoder leaves them; noise makes them as hard to code as real ones."""
    noise = np.random.default_rng(0)
    made = []
    for number in range(count):
        image = picture(number, 1920, 1080, count).astype(np.int16)
        image += noise.normal(0, 6, image.shape).astype(np.int16)
        frame = av.VideoFrame.from_ndarray(image.clip(0, 255).astype(np.uint8), format="bgr24")
        made.append(frame.reformat(format="yuv420p"))
    return made


def through_redis(frame: Any, longest: int, client: Any) -> int:
    """Scale, encode, store, fetch, decode. Returns the bytes that were sent."""
    data = VideoPicture(frame).jpeg(92, longest).data
    client.set("frame", data)
    fetched = client.getdel("frame")
    assert decode(fetched, MOST_PIXELS).ndim == 3
    return len(data)


def through_socket(frame: Any, longest: int, client: Any) -> int:
    """The same over a unix socket (see ``cost``)."""
    return through_redis(frame, longest, client)


def through_memory(frame: Any, longest: int, client: Any) -> int:
    """Scale and convert into shared memory, copy out on the other side; only the name goes through Redis."""
    width, height = VideoPicture(frame).fitted(longest)
    pixels = SCALER.reformat(frame, width, height, "bgr24", interpolation="AREA").to_ndarray()
    block = SharedMemory(create=True, size=pixels.nbytes)
    try:
        np.ndarray(pixels.shape, np.uint8, block.buf)[:] = pixels
        client.set("frame", block.name)
        name = client.getdel("frame").decode()
        other = SharedMemory(name=name)
        assert np.ndarray(pixels.shape, np.uint8, other.buf).copy().ndim == 3
        other.close()
    finally:
        block.close()
        block.unlink()
    return int(pixels.nbytes)


def cost(way: Callable[[Any, int, Any], int], longest: int, made: list[Any], server: RedisServer) -> dict[str, float]:
    """CPU ms per frame."""
    client = redis.Redis.from_url(f"unix://{server.socket}" if way is through_socket else server.url)
    other = psutil.Process(server.pid)
    way(made[0], longest, client)
    began, before = time.process_time(), sum(other.cpu_times()[:2])
    size = sum(way(frame, longest, client) for frame in made)
    ours, theirs = time.process_time() - began, sum(other.cpu_times()[:2]) - before
    count = len(made)
    return {"KiB": size / count / 1024, "cpu ms": ours / count * 1e3, "redis cpu ms": theirs / count * 1e3}


def main() -> None:
    made = report.parser(__doc__)
    made.add_argument("--frames", type=int, default=60)
    options = made.parse_args()
    pictures = frames(options.frames)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(Path(folder), unix_socket="redis.sock")
        server.start()
        try:
            small = [frame.reformat(640, 480) for frame in pictures]
            for name, longest, given in (("vga", 0, small), ("scaled", 640, pictures), ("full", 0, pictures)):
                ways = (through_redis, through_socket, through_memory)
                rows += [{"frame": name, "way": way.__name__, **cost(way, longest, given, server)} for way in ways]
        finally:
            server.kill()
    report.show("streams_frames", rows, as_json=options.json)


if __name__ == "__main__":
    main()
