"""A video file that a client sends over the data channel ``video_upload``, chunk by chunk, in order.

Each message begins with two little-endian uint32: number of the chunk, and how many there are.
"""

from __future__ import annotations

import struct
import tempfile
from pathlib import Path
from typing import BinaryIO

from shared.errors import InvalidRequest, TooLarge

HEAD = struct.Struct("<II")


class Upload:
    """The file as far as it has come; ``close`` removes it."""

    def __init__(self, max_bytes: int) -> None:
        self.complete = False
        self.bytes = 0
        self._max_bytes = max_bytes
        self._next = 0
        self._folder = tempfile.TemporaryDirectory(prefix="visionfleet-upload-")
        self.path = Path(self._folder.name) / "video"
        self._file: BinaryIO | None = self.path.open("wb")

    def take(self, message: bytes) -> None:
        """One chunk. Raises InvalidRequest for one out of order, TooLarge over the limit."""
        if self._file is None or len(message) < HEAD.size:
            raise InvalidRequest("The upload is over, or a chunk has no head.")
        index, total = HEAD.unpack_from(message)
        if index != self._next or index >= total:
            raise InvalidRequest("The chunks of the video do not come in order.")
        self.bytes += len(message) - HEAD.size
        if self.bytes > self._max_bytes:
            raise TooLarge("The video is over VISIONFLEET_STREAM_UPLOAD_MB.")
        self._file.write(message[HEAD.size :])
        self._next += 1
        if self._next == total:
            self._file.close()
            self._file, self.complete = None, True

    def close(self) -> None:
        """Remove the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self._folder.cleanup()
