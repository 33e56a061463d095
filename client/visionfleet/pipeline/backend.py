"""Where a pipeline runs: what both places have in common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from visionfleet.pipeline.frames import Answered
from visionfleet.pipeline.watchdog import PipelineWatchdog


class Backend(Protocol):
    """``begin`` once, then iterate over ``frames`` until the sources are over or ``end`` is called from any thread."""

    def begin(self, watchdog: PipelineWatchdog) -> None:
        """Open the sources. Raises VisionfleetError."""
        ...

    def frames(self) -> Iterator[Answered]:
        """Frames with their answers, in the order of each source."""
        ...

    def command(self, name: str) -> None:
        """``pause``, ``mute`` or ``resume``."""
        ...

    def end(self) -> None:
        """Let go of everything; may be called again."""
        ...
