"""What keypoint models answer: boxes with named points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from typing_extensions import override

from worker_service.engine.results import Detections, FloatArray, envelope


@dataclass(frozen=True, kw_only=True)
class Poses(Detections):
    """Boxes with keypoints.

    Attributes:
        keypoints: [n, points, 3] x, y in source pixels and confidence.
        names: of the points.
        skeleton: pairs of points that are joined when drawn.
        keypoint_confidence: points below it are left out, and those of confidence 0, which a class does not have.
    """

    keypoints: FloatArray
    names: tuple[str, ...]
    skeleton: tuple[tuple[int, int], ...] = ()
    keypoint_confidence: float = 0.0

    @override
    def to_dict(self) -> dict[str, Any]:
        """As for boxes, plus ``keypoints``: x, y, confidence, class_id and class of each that is sure enough."""
        rows = self.rows()
        for row, points in zip(rows, self.keypoints.tolist(), strict=True):
            row["keypoints"] = [
                {"x": x, "y": y, "confidence": confidence, "class_id": i, "class": self.names[i]}
                for i, (x, y, confidence) in enumerate(points)
                if confidence > 0 and confidence >= self.keypoint_confidence
            ]
        return envelope("keypoint-detection", self.image, {"predictions": rows}, self.visualization)
