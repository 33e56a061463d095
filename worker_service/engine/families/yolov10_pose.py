"""End-to-end pose models: one output [batch, n, 6 + points x values] of corners, score, class and keypoints.

v26-pose of Ultralytics with its one-to-one head, and any of its pose models exported with ``nms=True``.
"""

from __future__ import annotations

from typing_extensions import override

from shared.errors import ModelLoadFailed
from worker_service.engine.artifacts import Package
from worker_service.engine.export import final_rows_score, pose_guess, pose_values, takes_one_image
from worker_service.engine.family import Family, Guess, Model, Raw
from worker_service.engine.params import KeypointParams
from worker_service.engine.poser import Poser
from worker_service.engine.runtime.session import Runtime
from worker_service.engine.runtime.signature import GraphSignature
from worker_service.engine.vision.candidates import Candidates
from worker_service.engine.vision.layouts import final_rows


class YoloV10Pose(Poser):
    """A loaded end-to-end pose model."""

    suppresses = False

    def __init__(self, package: Package, runtime: Runtime) -> None:
        super().__init__(package, runtime)
        outputs = self.session.signature.outputs
        columns = outputs[0].fixed(2)
        allowed = (None, 6 + 2 * len(self.names), 6 + 3 * len(self.names))
        if len(outputs) != 1 or len(outputs[0].shape) != 3 or columns not in allowed:
            raise ModelLoadFailed(
                f"Family yolov10-pose reads [batch, n, 6 + 2 or 3 values for each of {len(self.names)} 'keypoints' of "
                f"model.json]. Seen: {self.session.signature}."
            )

    @override
    def decode(self, raw: Raw, params: KeypointParams) -> Candidates:
        return final_rows(raw[0], params.floor)


class YoloV10PoseFamily:
    """Recognises the layout by metadata alone: by shape it could be YOLOv5's with more classes."""

    name = "yolov10-pose"
    task = "keypoint-detection"

    def matches(self, signature: GraphSignature) -> float | None:
        """1.0 with Ultralytics' metadata, else None."""
        if not takes_one_image(signature) or len(signature.outputs) != 1 or len(signature.outputs[0].shape) != 3:
            return None
        values = pose_values(signature)
        return final_rows_score(signature, signature.outputs[0], values) if values else None

    def guess(self, signature: GraphSignature) -> Guess:
        """Names of the points."""
        return pose_guess(signature)

    def load(self, package: Package, runtime: Runtime) -> Model[KeypointParams]:
        """Open the graph. Raises ModelLoadFailed."""
        return YoloV10Pose(package, runtime)


FAMILY: Family = YoloV10PoseFamily()
