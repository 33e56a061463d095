"""Who waits for an item while a model writes a text for it step by step."""

from __future__ import annotations

from collections.abc import Callable

from typing_extensions import override

from worker_service.consumer.work import Work
from worker_service.engine.family import Watch

LOUDEST = 4096
"""Characters of one piece: a text event stays small."""


class Waiting(Watch):
    """One input of a job. Asynchronous jobs hear the text as it comes; all say when they need it no more."""

    def __init__(self, work: Work, index: int, alive: Callable[[], None]) -> None:
        self._work, self._index, self._alive = work, index, alive

    @override
    def gone(self) -> bool:
        """Canceled, taken over by another worker, or too late."""
        self._alive()
        return self._work.abandoned or self._work.expired

    @override
    def said(self, text: str) -> None:
        """Keep the piece until the next report."""
        if self._work.taken.recorded:
            for start in range(0, len(text), LOUDEST):
                self._work.taken.pieces.append((self._index, text[start : start + LOUDEST]))
