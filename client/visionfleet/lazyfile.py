"""A file that is open only while it is read: thousands of them may wait in one upload."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from visionfleet.errors import InvalidImage


class LazyFile:
    """What httpx needs of a file: its length, its bytes from the start, once or again."""

    def __init__(self, path: Path) -> None:
        """Raises InvalidImage when there is no such file."""
        self._path = path
        self._file: BinaryIO | None = None
        self._place = 0
        try:
            self._size = path.stat().st_size
        except OSError as error:
            raise InvalidImage(f"Cannot read {path}: {error.strerror}.") from error

    def tell(self) -> int:
        """Where the next read begins."""
        return self._place

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to the start or to the end."""
        self._close()
        self._place = offset + (self._size if whence == os.SEEK_END else 0)
        return self._place

    def read(self, count: int = -1) -> bytes:
        """The next bytes; at the end the file is closed."""
        if self._file is None and self._place < self._size:
            self._file = self._path.open("rb")
            self._file.seek(self._place)
        data = self._file.read(count) if self._file is not None else b""
        self._place += len(data)
        if not data or self._place >= self._size:
            self._close()
        return data

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
