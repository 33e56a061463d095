"""YOLOv8's layout: one output [batch, 4 + classes, anchors], boxes as centre and size in input pixels, scores 0..1.

YOLOv5u, v8, v9, v11 and v12 of Ultralytics are exported so, and v10 and v26 too unless their one-to-one head was
chosen. There is no objectness; scores are per class, already through the sigmoid; suppression is ours.
"""

from __future__ import annotations

import numpy as np

from shared.errors import InferenceFailed, ModelLoadFailed
from worker_service.engine.artifacts import Package
from worker_service.engine.family import Family, Model, Prepared, Raw
from worker_service.engine.model import GraphModel
from worker_service.engine.params import DetectionParams
from worker_service.engine.results import Detections
from worker_service.engine.runtime.session import Runtime
from worker_service.engine.runtime.signature import GraphSignature
from worker_service.engine.vision.nms import best_candidates, centre_to_corners, nms
from worker_service.engine.visualise import with_boxes

# With nms=True or a one-to-one head, Ultralytics exports [batch, 300, 6]: corners, score and class per box.
END_TO_END_COLUMNS = 6


class YoloV8(GraphModel[DetectionParams]):
    """A loaded detector of this layout."""

    params_type = DetectionParams

    def __init__(self, package: Package, runtime: Runtime) -> None:
        super().__init__(package, runtime)
        self._rows = 4 + len(self.manifest.labels)
        outputs = self.session.signature.outputs
        if len(outputs) != 1 or len(outputs[0].shape) != 3:
            raise ModelLoadFailed(f"Family yolov8 reads one output [batch, 4 + classes, anchors], not {outputs[0]}.")
        if outputs[0].fixed(1) not in (None, self._rows):
            raise ModelLoadFailed(
                f"The graph's output is {outputs[0]}: 4 + classes should be {self._rows}, because 'labels' in "
                f"model.json has {self._rows - 4} names."
            )

    def postprocess(self, raw: Raw, prepared: Prepared, params: DetectionParams) -> Detections:
        """Best class per anchor, threshold, suppression, back to source pixels."""
        (output,) = raw
        if output.shape[0] != self._rows:
            raise InferenceFailed(f"The model answers {output.shape[0] - 4} classes and has {self._rows - 4} labels.")
        by_class = output[4:].astype(np.float32, copy=False)
        # The maximum of all anchors first: which class has it, only matters for the few that pass the threshold.
        best = by_class.max(axis=0)
        chosen = best_candidates(best, params.confidence, params.max_candidates)
        class_ids = by_class[:, chosen].argmax(axis=0)
        if params.class_filter is not None:
            names = set(params.class_filter)
            wanted = np.array([label in names for label in self.manifest.labels])[class_ids]
            chosen, class_ids = chosen[wanted], class_ids[wanted]
        boxes, scores = centre_to_corners(output[:4, chosen].T.astype(np.float32)), best[chosen]
        groups = None if params.class_agnostic_nms else class_ids
        kept = nms(boxes, scores, groups, params.iou_threshold, params.max_detections)
        placed = prepared.geometry.boxes_to_source(boxes[kept])
        result = Detections(prepared.image, placed, scores[kept], class_ids[kept], self.manifest.labels)
        return with_boxes(result, prepared.pixels, params)


class YoloV8Family:
    """Recognises the layout by metadata, else by shape."""

    name = "yolov8"
    task = "object-detection"

    def matches(self, signature: GraphSignature) -> float | None:
        """1.0 with Ultralytics' class names, 0.5 on shape alone."""
        if len(signature.inputs) != 1 or len(signature.outputs) != 1:
            return None
        image, output = signature.inputs[0], signature.outputs[0]
        if len(image.shape) != 4 or image.dtype == "uint8" or len(output.shape) != 3:
            return None
        if signature.metadata.get("task", "detect") != "detect" or _suppresses_itself(signature):
            return None
        return _score(output.fixed(1), output.fixed(2), len(signature.labels))

    def load(self, package: Package, runtime: Runtime) -> Model[DetectionParams]:
        """Open the graph. Raises ModelLoadFailed."""
        return YoloV8(package, runtime)


def _suppresses_itself(signature: GraphSignature) -> bool:
    """Whether the graph's boxes are final: one-to-one head, or suppression exported with it."""
    options = signature.literal("args")
    exported = isinstance(options, dict) and bool(options.get("nms"))
    return exported or signature.literal("end2end") is True or signature.outputs[0].fixed(2) == END_TO_END_COLUMNS


def _score(rows: int | None, anchors: int | None, labels: int) -> float | None:
    """YOLOv5's original layout is the transpose with objectness: there the second axis is the long one."""
    if labels:
        return 1.0 if rows in (None, 4 + labels) else None
    if rows is None or rows < 5 or (anchors is not None and anchors <= rows):
        return None
    return 0.5


FAMILY: Family = YoloV8Family()
