"""What travels over the data channel ``inference``: JSON, in chunks that every implementation takes.

A message is cut into binary chunks with a head of three little-endian uint32: number of the frame, of the chunk, and
how many chunks there are.
"""

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from typing import Any

from stream_service.answers import to_json
from stream_service.frame import Frame

HEAD = struct.Struct("<III")
CHUNK_BYTES = 48 * 1024
GZIP_ABOVE = 16 * 1024
CLOCK = 90_000


def chunks(number: int, payload: bytes) -> Iterator[bytes]:
    """The binary messages of one JSON text, compressed when that is worth it."""
    if len(payload) > GZIP_ABOVE:
        payload = gzip.compress(payload, compresslevel=1)
    count = max(1, -(-len(payload) // CHUNK_BYTES))
    for index in range(count):
        yield HEAD.pack(number, index, count) + payload[index * CHUNK_BYTES : (index + 1) * CHUNK_BYTES]


def about(frame: Frame, pts: int, declared_fps: float | None, measured_fps: float) -> dict[str, Any]:
    """``video_metadata`` of a frame; ``pts`` is the one that its picture has on the video track."""
    return {
        "frame_id": frame.number,
        "received_at": _iso(frame),
        "pts": pts,
        "time_base": 1 / CLOCK,
        "declared_fps": declared_fps,
        "measured_fps": round(measured_fps, 2),
        "width": frame.picture.width,
        "height": frame.picture.height,
    }


def message(outputs: Mapping[str, Any] | None, metadata: Mapping[str, Any], errors: list[str]) -> bytes:
    """One frame's message."""
    body = {"serialized_output_data": outputs, "video_metadata": metadata, "errors": errors}
    return to_json({**body, "processing_complete": False})


def farewell(reason: str) -> bytes:
    """The last message of a session."""
    return to_json({"processing_complete": True, "termination_reason": reason, "errors": []})


def _iso(frame: Frame) -> str:
    return datetime.fromtimestamp(frame.captured_at, timezone.utc).isoformat()
