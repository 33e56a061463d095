"""What gaze models answer: faces and where each looks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from typing_extensions import override

from worker_service.engine.keypoint_results import Poses
from worker_service.engine.results import FloatArray, envelope


@dataclass(frozen=True, kw_only=True)
class Gazes(Poses):
    """Faces with the directions of their looks.

    Attributes:
        angles: [n, 2] yaw and pitch in radians: to the left of the picture and up are positive.
    """

    angles: FloatArray

    @override
    def to_dict(self) -> dict[str, Any]:
        """``predictions`` of a ``face``, which is a box with ``landmarks``, its ``yaw`` and its ``pitch``."""
        faces = self.rows()
        for face, points in zip(faces, self.keypoints.tolist(), strict=True):
            named = zip(self.names, points, strict=True)
            face["landmarks"] = [{"x": x, "y": y, "class": name} for name, (x, y, sure) in named if sure > 0]
        rows = [
            {"face": face, "yaw": yaw, "pitch": pitch}
            for face, (yaw, pitch) in zip(faces, self.angles.tolist(), strict=True)
        ]
        return envelope("gaze-detection", self.image, {"predictions": rows}, self.visualization)
