"""What blocks that follow objects over the frames of a video share."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import supervision as sv

from shared.errors import InvalidRequest
from shared.workflows.fields import StrRef
from shared.workflows.images import VideoMetadata

Anchor = Literal[
    "CENTER",
    "CENTER_LEFT",
    "CENTER_RIGHT",
    "TOP_CENTER",
    "TOP_LEFT",
    "TOP_RIGHT",
    "BOTTOM_LEFT",
    "BOTTOM_CENTER",
    "BOTTOM_RIGHT",
    "CENTER_OF_MASS",
]
AnchorField: TypeAlias = str | StrRef | Anchor

MOST_TRACKS = 10_000
"""Objects that a block remembers of one video; those seen longest ago are forgotten first."""


def position(anchor: str) -> sv.Position:
    """Supervision's name for a point of a detection. Raises InvalidRequest for one that there is not."""
    try:
        return sv.Position(anchor)
    except ValueError:
        raise InvalidRequest(f"triggering_anchor is one of {', '.join(sv.Position.list())}, not {anchor!r}.") from None


def points(detections: sv.Detections, anchor: str) -> npt.NDArray[np.float64]:
    """That point of each detection, [n, 2]. Raises InvalidRequest: the centre of mass needs masks."""
    where = position(anchor)
    if where is sv.Position.CENTER_OF_MASS and len(detections) and detections.mask is None:
        raise InvalidRequest("CENTER_OF_MASS needs detections with masks.")
    return np.asarray(detections.get_anchors_coordinates(where), np.float64).reshape(-1, 2)


def track_ids(detections: sv.Detections, block: str) -> list[int]:
    """The tracker's id of each detection. Raises InvalidRequest when no tracker ran before."""
    if not len(detections):
        return []
    if detections.tracker_id is None:
        raise InvalidRequest(f"{block} needs tracked detections: put a tracker before it.")
    return [int(name) for name in detections.tracker_id]


def seconds(video: VideoMetadata) -> float:
    """When a frame is, in seconds: by its number in a file, by the clock of the camera otherwise."""
    if video.comes_from_video_file and video.fps:
        return video.frame_number / video.fps
    return video.frame_timestamp.timestamp()


def polygon(value: Any, name: str, least: int = 3) -> npt.NDArray[np.float64]:
    """Points [n, 2] from lists. Raises InvalidRequest when there are fewer than ``least``, or they are no points."""
    try:
        made = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        made = np.empty(0)
    if made.ndim != 2 or made.shape[1] != 2 or len(made) < least or not np.isfinite(made).all():
        raise InvalidRequest(f"{name} is a list of at least {least} points [x, y].")
    return made
