"""Graphs that several models have in common: opened once, by what their files hold and not by where they lie.

Nobody but the models holds a session, so it goes with the last of them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from shared.errors import ModelLoadFailed
from worker_service.engine.artifacts import file_sha256
from worker_service.engine.runtime.external import external_locations

if TYPE_CHECKING:
    from worker_service.engine.runtime.session import Session


class Parts:
    """Open sessions by content; one that is being opened is waited for."""

    def __init__(self) -> None:
        self._held: WeakValueDictionary[str, Session] = WeakValueDictionary()
        self._opening: WeakValueDictionary[str, Lock] = WeakValueDictionary()
        self._lock = Lock()

    def get(self, content: str, make: Callable[[], Session]) -> Session:
        """The session of that content. Raises what ``make`` raises."""
        with self._lock:
            opening = self._opening.setdefault(content, Lock())
        with opening:
            session = self._held.get(content)
            if session is None:
                session = self._held[content] = make()
            return session


def files_of(graph: Path) -> list[Path]:
    """The graph and the files that its weights lie in. Raises ModelLoadFailed when it is no ONNX file."""
    return [graph, *(graph.parent / location for location in sorted(external_locations(graph)))]


def content_of(graph: Path) -> str:
    """Names what the graph holds, weights in other files included. Raises ModelLoadFailed."""
    try:
        return " ".join(file_sha256(path) for path in files_of(graph))
    except OSError as error:
        raise ModelLoadFailed(f"{graph.name}, or a file that its weights lie in, cannot be read.") from error
