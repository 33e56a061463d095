"""Text files that grow line by line and are begun anew at a size, the oldest removed; a line is written whole."""

from __future__ import annotations

import time
from pathlib import Path
from typing import BinaryIO

from stream_service.output import MEGABYTE, OutputFolder, stamp


class RowFile:
    """Appends lines; ``header`` stands at the top of each file. Every method blocks."""

    def __init__(self, output: OutputFolder, suffix: str, max_mb: float, header: bytes = b"") -> None:
        self._output, self._suffix, self._header = output, suffix, header
        self._max_bytes = int(max_mb * MEGABYTE)
        self._file: BinaryIO | None = None
        self._size = 0
        self.path = Path()

    def append(self, lines: bytes) -> None:
        """Write lines and hand them to the system. Raises SinkUnavailable, OSError."""
        if self._file is None or (self._size and self._size + len(lines) > self._max_bytes):
            self._begin()
        assert self._file is not None  # noqa: S101 - _begin opened it
        self._file.write(lines)
        self._file.flush()
        self._size += len(lines)

    def _begin(self) -> None:
        self.close()
        self.path = self._output.path(stamp(time.time()), self._suffix)
        self._file = self.path.open("xb")
        self._file.write(self._header)
        self._size = 0
        self._output.prune(keep=[self.path])

    def close(self) -> None:
        """Close the file; the next line begins another."""
        if self._file is not None:
            self._file.close()
            self._file = None
