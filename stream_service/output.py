"""Files that sinks write: names that cannot collide, room that is left on the disk, and the oldest removed in time."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path

from shared.errors import SinkUnavailable
from stream_service.sink import SinkContext

MEGABYTE = 2**20
UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def safe(name: str) -> str:
    """A source's name as part of a file's name."""
    return UNSAFE.sub("_", name).lstrip(".")[:64] or "source"


def stamp(seconds: float) -> str:
    """A moment (UTC) as a name that sorts: 20261126T134501.250Z."""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y%m%dT%H%M%S.%f")[:-3] + "Z"


class OutputFolder:
    """One folder of one sink. What is in it never takes more than ``max_bytes``; the oldest files go first."""

    def __init__(self, folder: Path, max_bytes: int, min_free_bytes: int) -> None:
        self.folder = folder
        self._max_bytes = max_bytes
        self._min_free = min_free_bytes

    def open(self) -> None:
        """Make the folder. Raises SinkUnavailable."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SinkUnavailable(f"The folder for a stream's files cannot be made: {error.strerror}.") from error

    def path(self, name: str, suffix: str) -> Path:
        """A path of that name that is free. Raises SinkUnavailable when the disk is nearly full."""
        self.room()
        path, number = self.folder / f"{name}{suffix}", 1
        while path.exists():
            path, number = self.folder / f"{name}-{number}{suffix}", number + 1
        return path

    def room(self) -> None:
        """Make sure that the disk has room. Raises SinkUnavailable."""
        if shutil.disk_usage(self.folder).free < self._min_free:
            raise SinkUnavailable("The disk is nearly full; free some space, or lower VISIONFLEET_STREAM_MIN_FREE_MB.")

    def prune(self, keep: Iterable[Path] = ()) -> int:
        """Remove the oldest files until the limit holds; ``keep`` are being written. Returns how many went."""
        kept = set(keep)
        found = sorted(
            (path.stat().st_mtime, path, path.stat().st_size) for path in self.folder.rglob("*") if path.is_file()
        )
        total, removed = sum(size for _, _, size in found), 0
        for _, path, size in found:
            if total <= self._max_bytes:
                break
            if path not in kept:
                path.unlink(missing_ok=True)
                total, removed = total - size, removed + 1
        return removed


def output_of(context: SinkContext, max_mb: float) -> OutputFolder:
    """The folder of a sink, within what the operator allows every sink."""
    settings = context.settings
    limit = int(min(max_mb, settings.stream_sink_max_mb) * MEGABYTE)
    return OutputFolder(context.folder / safe(context.name), limit, settings.stream_min_free_mb * MEGABYTE)
