"""Faces and where they look."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from typing_extensions import override

from visionfleet.errors import BadAnswer, UnsupportedTask
from visionfleet.results.base import common
from visionfleet.results.detection import Detections, box_fields, row_of
from visionfleet.results.keypoints import Keypoint, Pose


@dataclass(frozen=True)
class Gaze(Pose):
    """One face with its landmarks, and its look in radians: positive yaw is to the left of the picture, pitch up."""

    yaw: float = 0.0
    pitch: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Gazes(Detections):
    """Faces of one image with their looks, best first; iterates over them."""

    TASK: ClassVar[str] = "gaze-detection"

    boxes: tuple[Gaze, ...]

    @override
    def __iter__(self) -> Iterator[Gaze]:
        return iter(self.boxes)

    @override
    def rows(self) -> list[dict[str, Any]]:
        """One per face: its box, ``yaw`` and ``pitch``."""
        return [{**row_of(gaze), "yaw": gaze.yaw, "pitch": gaze.pitch} for gaze in self.boxes]

    @override
    def to_supervision(self) -> Any:
        raise UnsupportedTask("supervision has no class for looks; the faces are in 'boxes'.")


def gazes(model: str, body: Mapping[str, Any], timings: Mapping[str, float]) -> Gazes:
    """Read a gaze-detection answer. Raises BadAnswer."""
    try:
        found = tuple(_gaze(item) for item in body["predictions"])
    except (KeyError, TypeError, ValueError) as error:
        raise BadAnswer("The answer holds no looks.") from error
    return Gazes(**common(Gazes.TASK, model, body, timings), boxes=found)


def _gaze(item: Mapping[str, Any]) -> Gaze:
    face = item["face"]
    points = tuple(
        Keypoint(float(point["x"]), float(point["y"]), 1.0, str(point.get("class", i)), i)
        for i, point in enumerate(face["landmarks"])
    )
    return Gaze(**box_fields(face), keypoints=points, yaw=float(item["yaw"]), pitch=float(item["pitch"]))
