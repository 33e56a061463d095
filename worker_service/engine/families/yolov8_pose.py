"""YOLOv8's layout with keypoints: one output [batch, 4 + classes + points x values, anchors].

YOLOv8-pose, v11-pose, and v26-pose unless its one-to-one head was chosen. A point has x, y in input pixels and, as a
rule, a confidence. Classes are as many as there are labels: some nets for poses have more than one.
"""

from __future__ import annotations

from typing_extensions import override

from shared.errors import ModelLoadFailed
from worker_service.engine.artifacts import Package
from worker_service.engine.export import channel_rows_score, pose_guess, pose_values, takes_one_image
from worker_service.engine.family import Family, Guess, Model, Raw
from worker_service.engine.params import KeypointParams
from worker_service.engine.poser import Poser
from worker_service.engine.runtime.session import Runtime
from worker_service.engine.runtime.signature import GraphSignature
from worker_service.engine.vision.candidates import Candidates
from worker_service.engine.vision.layouts import channel_rows


class YoloV8Pose(Poser):
    """A loaded pose model of this layout."""

    def __init__(self, package: Package, runtime: Runtime) -> None:
        super().__init__(package, runtime)
        outputs = self.session.signature.outputs
        if len(outputs) != 1 or len(outputs[0].shape) != 3:
            raise ModelLoadFailed(
                f"Family yolov8-pose reads one output [batch, 4 + classes + points x values, anchors]. "
                f"Seen: {self.session.signature}."
            )
        rows = outputs[0].fixed(1)
        if rows is not None and rows - 4 - len(self.labels) not in (2 * len(self.names), 3 * len(self.names)):
            raise ModelLoadFailed(
                f"The graph's output is {outputs[0]}: {rows} should be 4 + {len(self.labels)} 'labels' + 2 or 3 values "
                f"for each of {len(self.names)} 'keypoints' of model.json."
            )

    @override
    def decode(self, raw: Raw, params: KeypointParams) -> Candidates:
        return channel_rows(raw[0], len(self.labels), params.floor, params.max_candidates)


class YoloV8PoseFamily:
    """Recognises the layout by metadata alone: by shape it could be a detector with more classes."""

    name = "yolov8-pose"
    task = "keypoint-detection"

    def matches(self, signature: GraphSignature) -> float | None:
        """1.0 with Ultralytics' metadata, else None."""
        if not takes_one_image(signature) or len(signature.outputs) != 1 or len(signature.outputs[0].shape) != 3:
            return None
        values = pose_values(signature)
        return channel_rows_score(signature, signature.outputs[0], values) if values else None

    def guess(self, signature: GraphSignature) -> Guess:
        """Names of the points."""
        return pose_guess(signature)

    def load(self, package: Package, runtime: Runtime) -> Model[KeypointParams]:
        """Open the graph. Raises ModelLoadFailed."""
        return YoloV8Pose(package, runtime)


FAMILY: Family = YoloV8PoseFamily()
