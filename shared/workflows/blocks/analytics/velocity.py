"""Tell how fast each object moves."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import supervision as sv
from typing_extensions import override

from shared.errors import InvalidRequest
from shared.workflows import kinds
from shared.workflows.block import STATEFUL, Block
from shared.workflows.blocks.analytics._tracked import MOST_TRACKS, points, seconds, track_ids
from shared.workflows.detections import SMOOTHED_SPEED, SMOOTHED_VELOCITY, SPEED, VELOCITY, copied
from shared.workflows.fields import FloatRef, ImageRef, Selector, StepFields
from shared.workflows.images import WorkflowImage
from shared.workflows.per_video import PerVideo

Vector = npt.NDArray[np.float64]


@dataclass
class Motion:
    """Where an object was last, in pixels, when, in seconds, and its smoothed velocity in pixels per second."""

    at: Vector
    when: float
    velocity: Vector
    smoothed: Vector | None = None

    def move(self, to: Vector, when: float, alpha: float) -> None:
        """Take in where it is now; without any time gone by, the velocity stays."""
        passed = when - self.when
        if passed > 0:
            self.velocity = (to - self.at) / passed
            before = np.zeros(2) if self.smoothed is None else self.smoothed
            self.smoothed = alpha * self.velocity + (1 - alpha) * before
            self.at, self.when = to, when


class Velocity(Block):
    """Of the box's centre, between an object's last two frames; smoothed exponentially beside it."""

    ids = ("roboflow_core/velocity@v1",)
    label = "Velocity"
    summary = "Tell how fast each object moves."
    category = "analytics"
    outputs = {"velocity_detections": (kinds.KEYPOINTS, kinds.OBJECTS, kinds.INSTANCES)}
    engine = ">=1.0.0,<2.0.0"
    stateful = True
    restrictions = (STATEFUL,)

    class Fields(StepFields):
        """A smaller ``smoothing_alpha`` smooths more; ``pixels_per_meter`` 1 leaves pixels per second."""

        image: ImageRef
        detections: Annotated[str, Selector(kinds.KEYPOINTS, kinds.OBJECTS, kinds.INSTANCES)]
        smoothing_alpha: float | FloatRef = 0.5
        pixels_per_meter: float | FloatRef = 1.0

    @override
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._tracks: PerVideo[OrderedDict[int, Motion]] = PerVideo(OrderedDict)

    def run(
        self, image: WorkflowImage, detections: sv.Detections, smoothing_alpha: float, pixels_per_meter: float
    ) -> dict[str, Any]:
        """Detections with velocity [vx, vy] and speed, both also smoothed. Raises InvalidRequest."""
        if not 0 < smoothing_alpha <= 1 or pixels_per_meter <= 0:
            raise InvalidRequest("smoothing_alpha is above 0 and at most 1, pixels_per_meter is above 0.")
        ids, where = track_ids(detections, "Velocity"), points(detections, "CENTER")
        now = seconds(image.video_metadata)
        with self.services.lock:
            tracks = self._tracks.of(image.video_metadata)
            rows = [_moved(tracks, *one, now, smoothing_alpha) for one in zip(ids, where, strict=True)]
            while len(tracks) > MOST_TRACKS:
                tracks.popitem(last=False)
        made = copied(detections)
        values = np.array(rows, float).reshape(-1, 2, 2) / pixels_per_meter
        made.data[VELOCITY], made.data[SMOOTHED_VELOCITY] = values[:, 0], values[:, 1]
        made.data[SPEED], made.data[SMOOTHED_SPEED] = np.linalg.norm(values, axis=2).T
        return {"velocity_detections": made}


def _moved(tracks: OrderedDict[int, Motion], name: int, to: Vector, now: float, alpha: float) -> list[Vector]:
    motion = tracks.setdefault(name, Motion(to, now, np.zeros(2)))
    tracks.move_to_end(name)
    motion.move(to, now, alpha)
    return [motion.velocity, motion.velocity if motion.smoothed is None else motion.smoothed]
