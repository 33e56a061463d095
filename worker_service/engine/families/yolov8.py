"""YOLOv8's layout: one output [batch, 4 + classes, anchors], boxes as centre and size in input pixels, scores 0..1.

YOLOv5u, v8, v9, v11 and v12 of Ultralytics are exported so, and v10 and v26 too unless their one-to-one head was
chosen. There is no objectness; scores are per class, already through the sigmoid; suppression is ours.
"""

from __future__ import annotations

from typing_extensions import override

from shared.errors import ModelLoadFailed
from worker_service.engine.artifacts import Package
from worker_service.engine.detector import Detector
from worker_service.engine.export import channel_rows_score, of_task, takes_one_image
from worker_service.engine.family import Family, Guess, Model, Raw
from worker_service.engine.params import DetectionParams
from worker_service.engine.runtime.session import Runtime
from worker_service.engine.runtime.signature import GraphSignature
from worker_service.engine.vision.candidates import Candidates
from worker_service.engine.vision.layouts import channel_rows


class YoloV8(Detector):
    """A loaded detector of this layout."""

    def __init__(self, package: Package, runtime: Runtime) -> None:
        super().__init__(package, runtime)
        outputs = self.session.signature.outputs
        if len(outputs) != 1 or len(outputs[0].shape) != 3:
            raise ModelLoadFailed(
                f"Family yolov8 reads one output [batch, 4 + classes, anchors]. Seen: {self.session.signature}."
            )
        self.expect(outputs[0], 1, 4 + len(self.labels), "4 + classes")

    @override
    def decode(self, raw: Raw, params: DetectionParams) -> Candidates:
        output = self.check(raw[0], 0, 4 + len(self.labels), "4 + classes")
        return channel_rows(output, len(self.labels), params.floor, params.max_candidates)


class YoloV8Family:
    """Recognises the layout by metadata, else by shape."""

    name = "yolov8"
    task = "object-detection"

    def matches(self, signature: GraphSignature) -> float | None:
        """1.0 with Ultralytics' class names, 0.5 on shape alone."""
        if not takes_one_image(signature) or len(signature.outputs) != 1 or not of_task(signature, "detect"):
            return None
        output = signature.outputs[0]
        return channel_rows_score(signature, output, 0) if len(output.shape) == 3 else None

    def guess(self, signature: GraphSignature) -> Guess:
        """Classes by the rows."""
        rows = signature.outputs[0].fixed(1)
        return Guess(classes=rows - 4 if rows else None)

    def load(self, package: Package, runtime: Runtime) -> Model[DetectionParams]:
        """Open the graph. Raises ModelLoadFailed."""
        return YoloV8(package, runtime)


FAMILY: Family = YoloV8Family()
