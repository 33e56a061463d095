"""Keeps the GPU's other work away while a CUDA graph is recorded.

Recording fails when any thread of the process allocates on the device meanwhile, and so does the allocation.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Gate:
    """Many may be inside together, or one alone, who goes before those that come after."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._wanting = 0

    @contextmanager
    def shared(self) -> Iterator[None]:
        """With others, but not with one who is alone. Not to be entered twice by one thread."""
        with self._changed:
            self._changed.wait_for(lambda: not self._wanting)
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """When the others have left; the next ones wait."""
        with self._changed:
            self._wanting += 1
            self._changed.wait_for(lambda: not self._inside)
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._wanting -= 1
                self._changed.notify_all()


class Turns:
    """One after the other, each of them inside a gate; every run of a session enters the same one."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._lock = threading.Lock()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """When it is this one's."""
        with self._lock, self._gate.shared():
            yield
