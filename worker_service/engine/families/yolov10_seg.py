"""End-to-end segmenters: [batch, n, 6 + coefficients] of corners, score, class, mask weights, and prototypes.

v26-seg of Ultralytics with its one-to-one head, and any of its segmenters exported with ``nms=True``.
"""

from __future__ import annotations

from typing_extensions import override

from shared.errors import ModelLoadFailed
from worker_service.engine.artifacts import Package
from worker_service.engine.export import final_rows_score, of_task, only, takes_one_image
from worker_service.engine.family import Family, Guess, Model, Raw
from worker_service.engine.model import Array
from worker_service.engine.params import SegmentationParams
from worker_service.engine.runtime.session import Runtime
from worker_service.engine.runtime.signature import GraphSignature
from worker_service.engine.segmenter import PrototypeSegmenter
from worker_service.engine.vision.candidates import Candidates
from worker_service.engine.vision.layouts import final_rows


class YoloV10Seg(PrototypeSegmenter):
    """A loaded end-to-end segmenter."""

    suppresses = False
    drops_empty = True

    def __init__(self, package: Package, runtime: Runtime) -> None:
        super().__init__(package, runtime)
        signature = self.session.signature
        boxes, prototypes = only(signature, 3), only(signature, 4)
        if boxes is None or prototypes is None:
            raise ModelLoadFailed(f"Family yolov10-seg reads boxes [batch, n, 6 + c] and prototypes, not {signature}.")
        self._boxes, self._prototypes = boxes, prototypes
        columns, coefficients = signature.outputs[boxes].fixed(2), signature.outputs[prototypes].fixed(1)
        if columns is not None and coefficients is not None and columns != 6 + coefficients:
            raise ModelLoadFailed(f"Family yolov10-seg reads 6 columns and {coefficients} coefficients, not {columns}.")

    @override
    def decode(self, raw: Raw, params: SegmentationParams) -> Candidates:
        output = raw[self._boxes]
        self.check(output, 1, 6 + raw[self._prototypes].shape[0], "6 + coefficients")
        return final_rows(output, params.floor)

    @override
    def prototypes(self, raw: Raw) -> Array:
        return raw[self._prototypes]


class YoloV10SegFamily:
    """Recognises the layout by metadata, else by shape."""

    name = "yolov10-seg"
    task = "instance-segmentation"

    def matches(self, signature: GraphSignature) -> float | None:
        """1.0 with Ultralytics' metadata, 0.5 on shape alone."""
        boxes, prototypes = only(signature, 3), only(signature, 4)
        if not takes_one_image(signature) or boxes is None or prototypes is None or len(signature.outputs) != 2:
            return None
        if not of_task(signature, "segment"):
            return None
        return final_rows_score(signature, signature.outputs[boxes], signature.outputs[prototypes].fixed(1))

    def guess(self, signature: GraphSignature) -> Guess:
        """Nothing: the output does not tell how many classes there are."""
        return Guess()

    def load(self, package: Package, runtime: Runtime) -> Model[SegmentationParams]:
        """Open the graph. Raises ModelLoadFailed."""
        return YoloV10Seg(package, runtime)


FAMILY: Family = YoloV10SegFamily()
