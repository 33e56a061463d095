"""A graph opened again with shares of the threads, for runs that go on beside others.

Threads of one run wait for each other after every operator; two runs that use all cores each therefore stand in each
other's way. Two runs of one thread took 138 ms of CPU time per image where two of two threads took 172, on two cores
(bench/streams). A lone run wants all cores. So each graph has a session for each number of threads, once runs have met:
half of all, a quarter, and so on down to one.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

log = logging.getLogger(__name__)


class Crowd:
    """The threads of this process that work for a run: on its graph, or on its images."""

    def __init__(self) -> None:
        self._inside: set[int] = set()
        self._lock = threading.Lock()

    @contextmanager
    def join(self) -> Iterator[int]:
        """Work inside; how many threads do, with this one. Whoever joins again counts once."""
        me = threading.get_ident()
        with self._lock:
            outer = me in self._inside
            self._inside.add(me)
            count = len(self._inside)
        try:
            yield count
        finally:
            if not outer:
                with self._lock:
                    self._inside.discard(me)


class Cores(NamedTuple):
    """So many cores for all runs, and threads for a lone one."""

    all: int
    threads: int

    def each(self, runs: int) -> int:
        """Threads for one of so many runs: those of a lone one, halved until there is a core for each; at least one."""
        threads = self.threads
        while threads > 1 and threads * runs > self.all:
            threads //= 2
        return threads


class Twin:
    """Opens ``path`` by ``make(threads)`` the first time that so few are wanted, in the background.

    ``most_bytes`` bounds the files' sizes added up over what is open.
    """

    def __init__(self, path: Path, make: Callable[[int], Any], cores: Cores, size: int, most_bytes: int) -> None:
        self.bytes = 0
        self._path = path
        self._make = make
        self._cores = cores
        self._most = most_bytes // max(1, size)
        self._seen = _version(path)
        self._sessions: dict[int, Any] = {}
        """By threads; None while it is opened, or when that failed."""
        self._lock = threading.Lock()

    def get(self, runs: int) -> Any:
        """A session with as many threads as so many runs leave for each, or fewer; None as long as there is none."""
        threads = self._cores.each(runs)
        if threads == self._cores.threads:
            return None
        if threads not in self._sessions and len(self._sessions) < self._most:
            with self._lock:
                if threads not in self._sessions:
                    self._sessions[threads] = None
                    threading.Thread(target=self._open, args=(threads,), name="twin").start()
        fitting = [count for count, session in list(self._sessions.items()) if session is not None and count <= threads]
        return self._sessions[max(fitting)] if fitting else None

    def _open(self, threads: int) -> None:
        try:
            made = self._make(threads)
            if _version(self._path) == self._seen:  # else it is another model by now
                self._sessions[threads] = made
                self.bytes += self._path.stat().st_size
        except Exception:  # onnxruntime's errors share no base class of their own
            log.warning("%s was not opened with %d threads", self._path.name, threads, exc_info=True)


def size_of(path: Path) -> int:
    """Bytes of all files beside a graph, which hold its weights."""
    return sum(file.stat().st_size for file in path.parent.iterdir() if file.is_file())


def _version(path: Path) -> tuple[int, ...]:
    found = path.stat()
    return (found.st_ino, found.st_size, found.st_mtime_ns)
