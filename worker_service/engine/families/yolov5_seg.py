"""YOLOv5-seg and v7-seg: [batch, anchors, 5 + classes + coefficients] and prototypes [batch, coefficients, h, w].

Boxes are as in family yolov5, masks as in yolov8-seg, except that coefficients are multiplied by the objectness and
that probabilities are interpolated instead of logits, as the originals do. Raw maps beside them (v7) are left alone.
"""

from __future__ import annotations

from typing_extensions import override

from shared.errors import ModelLoadFailed
from worker_service.engine.artifacts import Package
from worker_service.engine.export import objectness_rows_score, only, takes_one_image
from worker_service.engine.family import Family, Guess, Model, Raw
from worker_service.engine.model import Array
from worker_service.engine.params import SegmentationParams
from worker_service.engine.runtime.session import Runtime
from worker_service.engine.runtime.signature import GraphSignature
from worker_service.engine.segmenter import PrototypeSegmenter
from worker_service.engine.vision.candidates import Candidates
from worker_service.engine.vision.layouts import objectness_rows

COEFFICIENTS = 32  # of all released nets; only asked for when the graph leaves the size of its prototypes open


class YoloV5Seg(PrototypeSegmenter):
    """A loaded segmenter of this layout."""

    squashes = True

    def __init__(self, package: Package, runtime: Runtime) -> None:
        super().__init__(package, runtime)
        signature = self.session.signature
        boxes, prototypes = only(signature, 3), only(signature, 4)
        if boxes is None or prototypes is None:
            raise ModelLoadFailed(f"Family yolov5-seg reads boxes of rank 3 and prototypes of rank 4, not {signature}.")
        self._boxes, self._prototypes = boxes, prototypes
        self._columns = 5 + len(self.labels) + _coefficients(signature)
        self.expect(signature.outputs[boxes], 2, self._columns, "5 + classes + coefficients")

    @override
    def decode(self, raw: Raw, params: SegmentationParams) -> Candidates:
        rows = self.check(raw[self._boxes], 1, self._columns, "5 + classes + coefficients")
        limit, legacy = params.max_candidates, params.nms_mode == "legacy"
        return objectness_rows(rows, len(self.labels), params.floor, limit, legacy=legacy)

    @override
    def prototypes(self, raw: Raw) -> Array:
        return raw[self._prototypes]


class YoloV5SegFamily:
    """Recognises the layout by class names, else by shape."""

    name = "yolov5-seg"
    task = "instance-segmentation"

    def matches(self, signature: GraphSignature) -> float | None:
        """1.0 when columns fit the names, 0.5 on shape alone."""
        boxes, prototypes = only(signature, 3), only(signature, 4)
        if not takes_one_image(signature) or boxes is None or prototypes is None:
            return None
        if any(len(output.shape) not in (3, 4, 5) for output in signature.outputs):
            return None
        return objectness_rows_score(signature, signature.outputs[boxes], _coefficients(signature))

    def guess(self, signature: GraphSignature) -> Guess:
        """Classes by the columns that are neither box nor objectness nor coefficient."""
        boxes = only(signature, 3)
        columns = None if boxes is None else signature.outputs[boxes].fixed(2)
        return Guess(classes=columns - 5 - _coefficients(signature) if columns else None)

    def load(self, package: Package, runtime: Runtime) -> Model[SegmentationParams]:
        """Open the graph. Raises ModelLoadFailed."""
        return YoloV5Seg(package, runtime)


def _coefficients(signature: GraphSignature) -> int:
    prototypes = only(signature, 4)
    return (None if prototypes is None else signature.outputs[prototypes].fixed(1)) or COEFFICIENTS


FAMILY: Family = YoloV5SegFamily()
