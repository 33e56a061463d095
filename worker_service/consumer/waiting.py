"""Who waits for an item while a model writes a text for it step by step."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event

import structlog
from typing_extensions import override

from worker_service.consumer.work import Work
from worker_service.engine.family import Watch

log = structlog.get_logger()
LOUDEST = 4096
"""Characters of one piece: a text event stays small."""


class Waiting(Watch):
    """One input of a job. Asynchronous jobs hear the text as it comes; all say when they need it no more."""

    def __init__(self, work: Work, index: int, alive: Callable[[], None], spoken: Event) -> None:
        self._work, self._index, self._alive, self._spoken = work, index, alive, spoken
        self._steps = 0

    @override
    def gone(self) -> bool:
        """Canceled, taken over by another worker, or too late."""
        self._alive()
        self._steps += 1
        if not self._work.abandoned and not self._work.expired:
            return False
        log.info("text.given_up", **self._work.names, input=self._index, steps=self._steps)
        return True

    @override
    def said(self, text: str) -> None:
        """Keep the piece until the next report."""
        if self._work.taken.recorded:
            for start in range(0, len(text), LOUDEST):
                self._work.taken.pieces.append((self._index, text[start : start + LOUDEST]))
            if self._work.live:
                self._spoken.set()
