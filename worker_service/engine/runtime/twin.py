"""A graph opened a second time with a share of the threads, for runs that go on beside another.

Threads of one run wait for each other after every operator; two runs that use all cores each therefore stand in each
other's way. Two runs of one thread took 138 ms of CPU time per image where two of two threads took 172, on two cores
(bench/streams). A lone run wants all cores. So each graph has both, once runs have met.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)


class Crowd:
    """The runs that go on in this process."""

    def __init__(self) -> None:
        self._count = 0
        self._lock = threading.Lock()

    @contextmanager
    def join(self) -> Iterator[bool]:
        """Run inside; whether others do."""
        with self._lock:
            self._count += 1
            crowded = self._count > 1
        try:
            yield crowded
        finally:
            with self._lock:
                self._count -= 1


class Twin:
    """Opens ``path`` by ``make`` the first time that it is wanted, in the background; until then there is none."""

    def __init__(self, path: Path, make: Callable[[], Any]) -> None:
        self.bytes = 0
        self._path = path
        self._make = make
        self._seen = _version(path)
        self._session: Any = None
        self._opening: threading.Thread | None = None
        self._lock = threading.Lock()

    def get(self) -> Any:
        """The second session, or None as long as there is none."""
        if self._session is None and self._opening is None:
            with self._lock:
                if self._opening is None:
                    self._opening = threading.Thread(target=self._open, name="twin")
                    self._opening.start()
        return self._session

    def _open(self) -> None:
        try:
            made = self._make()
            if _version(self._path) == self._seen:  # else it is another model by now
                self._session, self.bytes = made, self._path.stat().st_size
        except Exception:  # onnxruntime's errors share no base class of their own
            log.warning("%s was not opened a second time; its runs share all threads", self._path.name, exc_info=True)


def size_of(path: Path) -> int:
    """Bytes of all files beside a graph, which hold its weights."""
    return sum(file.stat().st_size for file in path.parent.iterdir() if file.is_file())


def _version(path: Path) -> tuple[int, ...]:
    found = path.stat()
    return (found.st_ino, found.st_size, found.st_mtime_ns)
