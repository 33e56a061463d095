"""YOLOv7 exported with ``--end2end``: one output [boxes of the whole batch, 7], suppressed in the graph.

A row is the picture's number in the batch, corners in input pixels, class and score. ``iou_threshold`` and ``nms_mode``
have no effect here.
"""

from __future__ import annotations

from collections.abc import Sequence

from typing_extensions import override

from shared.errors import InferenceFailed, ModelLoadFailed
from worker_service.engine.artifacts import Package
from worker_service.engine.detector import Detector
from worker_service.engine.export import takes_one_image
from worker_service.engine.family import Family, Guess, Model, Raw
from worker_service.engine.model import Array
from worker_service.engine.params import DetectionParams
from worker_service.engine.runtime.session import Runtime
from worker_service.engine.runtime.signature import GraphSignature
from worker_service.engine.vision.candidates import Candidates
from worker_service.engine.vision.layouts import final_rows

COLUMNS = 7
# Corners, score, class: the order of the other end-to-end graphs.
ORDER = [1, 2, 3, 4, 6, 5]


class YoloV7EndToEnd(Detector):
    """A loaded end-to-end detector."""

    suppresses = False

    def __init__(self, package: Package, runtime: Runtime) -> None:
        super().__init__(package, runtime)
        outputs = self.session.signature.outputs
        if len(outputs) != 1 or len(outputs[0].shape) != 2 or outputs[0].fixed(1) not in (None, COLUMNS):
            raise ModelLoadFailed(f"Family yolov7-end2end reads [boxes, 7]. Seen: {self.session.signature}.")

    @override
    def split(self, outputs: Sequence[Array], count: int) -> list[Raw]:
        rows = outputs[0]
        if rows.ndim != 2 or rows.shape[1] != COLUMNS:
            raise InferenceFailed(f"The model answers {list(rows.shape)} instead of [boxes, {COLUMNS}].")
        return [(rows[rows[:, 0] == i],) for i in range(count)]

    @override
    def decode(self, raw: Raw, params: DetectionParams) -> Candidates:
        return final_rows(self.check(raw[0], 1, COLUMNS, "columns")[:, ORDER], params.floor)


class YoloV7EndToEndFamily:
    """Recognises the layout by its seven columns."""

    name = "yolov7-end2end"
    task = "object-detection"

    def matches(self, signature: GraphSignature) -> float | None:
        """0.5, unless there is one row per picture: those are a classifier's."""
        if not takes_one_image(signature) or len(signature.outputs) != 1 or "task" in signature.metadata:
            return None
        output = signature.outputs[0]
        if len(output.shape) != 2 or output.fixed(1) != COLUMNS or output.shape[0] == signature.inputs[0].shape[0]:
            return None
        return None if "flat" in output.name else 0.5  # YOLO-NAS

    def guess(self, signature: GraphSignature) -> Guess:
        """Nothing: the output does not tell how many classes there are."""
        return Guess()

    def load(self, package: Package, runtime: Runtime) -> Model[DetectionParams]:
        """Open the graph. Raises ModelLoadFailed."""
        return YoloV7EndToEnd(package, runtime)


FAMILY: Family = YoloV7EndToEndFamily()
