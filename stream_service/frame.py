"""A frame as a source delivers it, and what becomes of it: the result that sinks get."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Literal

from stream_service.picture import Picture

Cause = Literal[
    "",
    "window_full",  # a newer frame came while all of the window was in flight
    "decimated",  # over max_fps
    "motion",  # nothing moved
    "muted",
    "expired",  # no result within the deadline
    "queue_full",
    "queue_unavailable",
    "no_worker",  # no live worker could take it
    "model_failed",  # the model or the workflow answered with an error
    "encode_failed",
    "sink_full",  # counted per sink: it was too slow
    "lease_lost",  # another replica owns the stream now
    "stopped",
]


@dataclass(frozen=True)
class Frame:
    """One frame. ``captured`` is monotonic seconds when it arrived here, ``captured_at`` the same moment in UTC.

    ``number`` counts the frames of the source from 1, those left out too, and goes on over reconnects; ``session``
    counts the connections: what has state begins anew with each. ``pts_s`` is the source's own time in seconds, ``fps``
    the rate that it declares.
    """

    source_id: str
    source_index: int
    number: int
    session: int
    captured: float
    captured_at: float
    pts_s: float | None
    picture: Picture
    fps: float | None = None


@dataclass
class FrameResult:
    """What came of one frame, given to every sink, in the order of the frames of its source.

    Attributes:
        pipeline_id: the stream's id.
        frame: with the picture, whose pixels are made when a sink asks for them.
        epoch: of the lease under which it was made; a greater one supersedes it.
        sequence: counts the results of this source under this epoch, from 1, without gaps.
        cause: "" when there is a result, else why there is none.
        error: code and message of a failure.
        predictions: a model's answer as the API gives it, in pixels of the source: ``image`` and ``predictions``;
            with tracking, predictions have a ``tracker_id``. None when there is none.
        outputs: a workflow's outputs by name; None for a model.
        timings: ms, of encode, queue, decode, preprocess, infer, post and total.
        age_ms: from the frame's arrival to this result.
        run: tells this run through a file from others; "" for live sources.
    """

    pipeline_id: str
    frame: Frame
    epoch: int
    sequence: int
    cause: Cause = ""
    error: dict[str, Any] | None = None
    predictions: dict[str, Any] | None = None
    outputs: dict[str, Any] | None = None
    timings: dict[str, float] = field(default_factory=dict)
    age_ms: float = 0.0
    run: str = ""

    @property
    def once(self) -> tuple[str, int]:
        """By what a second result of the same frame of a file is known, after a takeover; ("", 0) for live sources."""
        return (f"{self.run}:{self.frame.source_id}", self.frame.number) if self.run else ("", 0)

    @property
    def ok(self) -> bool:
        """Whether there is a result."""
        return not self.cause

    @property
    def captured_iso(self) -> str:
        """When the frame arrived, UTC, as ISO 8601."""
        return datetime.fromtimestamp(self.frame.captured_at, timezone.utc).isoformat()

    @property
    def content(self) -> dict[str, Any]:
        """What the frame yielded: a workflow's outputs, else a model's answer, else nothing."""
        return self.outputs if self.outputs is not None else self.predictions or {}

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON or msgpack, without the picture."""
        frame = self.frame
        data: dict[str, Any] = {
            "pipeline_id": self.pipeline_id,
            "source_id": frame.source_id,
            "source_index": frame.source_index,
            "frame_id": frame.number,
            "session": frame.session,
            "epoch": self.epoch,
            "sequence": self.sequence,
            "frame_timestamp": self.captured_iso,
            "pts_s": frame.pts_s,
            "width": frame.picture.width,
            "height": frame.picture.height,
            "age_ms": round(self.age_ms, 2),
            "timings": {name: round(ms, 2) for name, ms in self.timings.items()},
        }
        if not self.ok:
            return {**data, "cause": self.cause, "error": self.error}
        return {**data, "output": self.content}
