"""End-to-end detectors: one output [batch, n, 6] of corners in input pixels, score and class; nothing left to suppress.

v10 and v26 of Ultralytics with their one-to-one head (older exporters knew no other for v10), and any of its detectors
exported with ``nms=True``. Rows of zeros fill the output up. ``iou_threshold`` and ``nms_mode`` have no effect here.
"""

from __future__ import annotations

from typing_extensions import override

from shared.errors import ModelLoadFailed
from worker_service.engine.artifacts import Package
from worker_service.engine.detector import Detector
from worker_service.engine.export import final_rows_score, of_task, takes_one_image
from worker_service.engine.family import Family, Guess, Model, Raw
from worker_service.engine.params import DetectionParams
from worker_service.engine.runtime.session import Runtime
from worker_service.engine.runtime.signature import GraphSignature
from worker_service.engine.vision.candidates import Candidates
from worker_service.engine.vision.layouts import final_rows

COLUMNS = 6


class YoloV10(Detector):
    """A loaded end-to-end detector."""

    suppresses = False

    def __init__(self, package: Package, runtime: Runtime) -> None:
        super().__init__(package, runtime)
        outputs = self.session.signature.outputs
        if len(outputs) != 1 or len(outputs[0].shape) != 3 or outputs[0].fixed(2) not in (None, COLUMNS):
            raise ModelLoadFailed(f"Family yolov10 reads one output [batch, n, 6]. Seen: {self.session.signature}.")

    @override
    def decode(self, raw: Raw, params: DetectionParams) -> Candidates:
        return final_rows(self.check(raw[0], 1, COLUMNS, "columns"), params.floor)


class YoloV10Family:
    """Recognises the layout by metadata, else by its six columns."""

    name = "yolov10"
    task = "object-detection"

    def matches(self, signature: GraphSignature) -> float | None:
        """1.0 with Ultralytics' metadata, 0.5 on shape alone."""
        if not takes_one_image(signature) or len(signature.outputs) != 1 or not of_task(signature, "detect"):
            return None
        output = signature.outputs[0]
        return final_rows_score(signature, output, 0) if len(output.shape) == 3 else None

    def guess(self, signature: GraphSignature) -> Guess:
        """Nothing: the output does not tell how many classes there are."""
        return Guess()

    def load(self, package: Package, runtime: Runtime) -> Model[DetectionParams]:
        """Open the graph. Raises ModelLoadFailed."""
        return YoloV10(package, runtime)


FAMILY: Family = YoloV10Family()
