"""What callbacks get beside the predictions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from visionfleet.streams import StreamResult


@dataclass(frozen=True)
class VideoFrame:
    """One frame.

    Attributes:
        image: BGR uint8 [height, width, 3]; None when the pipeline runs on a server, where pictures stay.
        frame_id: counts the frames of its source from 1, those left out too.
        frame_timestamp: when it arrived, with its time zone.
        source_id: number of its source, from 0.
        fps: the rate that the source declares, if it does.
        measured_fps: the rate at which frames arrive.
        comes_from_video_file: whether no frame of it may be lost.
    """

    image: Any
    frame_id: int
    frame_timestamp: datetime
    source_id: int = 0
    fps: float | None = None
    measured_fps: float | None = None
    comes_from_video_file: bool | None = None


@dataclass(frozen=True)
class Answered:
    """A frame with what it yielded; ``cause`` says why there is nothing, and is "" otherwise."""

    frame: VideoFrame
    predictions: Any
    cause: str = ""
    age_ms: float = 0.0


def from_result(result: StreamResult) -> Answered:
    """A result of a server as a frame without its picture."""
    try:
        moment = datetime.fromisoformat(result.timestamp)
    except ValueError:
        moment = datetime.now(timezone.utc)
    frame = VideoFrame(None, result.frame_id, moment, result.source_index)
    return Answered(frame, result.output, result.cause, result.age_ms)
