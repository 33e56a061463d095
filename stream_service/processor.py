"""The contract of what runs on frames.

``begin`` may run for several frames of a source at a time and in any order; ``finish`` is called for one frame after
another, in their order, and may keep state. ``reset`` says that the source has begun anew: state of before is void.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from typing_extensions import override

from shared.streams.spec import PipelineSpec
from stream_service.frame import Cause, Frame


@dataclass
class Outcome:
    """What came of a frame so far; see FrameResult for the fields."""

    cause: Cause = ""
    error: dict[str, Any] | None = None
    predictions: dict[str, Any] | None = None
    outputs: dict[str, Any] | None = None
    timings: dict[str, float] = field(default_factory=dict)


class Processor:
    """One per source of a stream. By itself it passes frames to the sinks as they are."""

    live: bool = True
    """Whether the source is live; from others no frame may be lost."""

    def adapt(self, spec: PipelineSpec) -> bool:
        """Take over a changed specification. False when a new processor is needed."""
        del spec
        return False

    async def prepare(self) -> None:
        """Load what frames will need, before the first one is taken; what is wrong with the specification shows.

        Raises VisionfleetError.
        """

    async def begin(self, frame: Frame) -> Outcome:
        """The part without state. Never raises; a failure is an outcome."""
        del frame
        return Outcome()

    async def finish(self, frame: Frame, outcome: Outcome) -> Outcome:
        """The part with state, in order. Exceptions count as ``model_failed``."""
        del frame
        return outcome

    def reset(self) -> None:
        """The source was connected anew."""

    async def close(self) -> None:
        """Let go of everything."""


class Failing(Processor):
    """For what cannot run here: every frame says why."""

    def __init__(self, error: dict[str, Any]) -> None:
        self._error = error

    @override
    async def begin(self, frame: Frame) -> Outcome:
        """The same failure for each frame."""
        del frame
        return Outcome(cause="model_failed", error=self._error)
