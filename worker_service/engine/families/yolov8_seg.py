"""YOLOv8's layout with masks: [batch, 4 + classes + coefficients, anchors] and prototypes [batch, coefficients, h, w].

YOLOv8-seg, v11-seg, and v26-seg unless its one-to-one head was chosen. A mask is the sum of the prototypes weighted by
a box's coefficients, above zero, inside the box.
"""

from __future__ import annotations

from typing_extensions import override

from shared.errors import ModelLoadFailed
from worker_service.engine.artifacts import Package
from worker_service.engine.export import channel_rows_score, of_task, only, takes_one_image
from worker_service.engine.family import Family, Guess, Model, Raw
from worker_service.engine.model import Array
from worker_service.engine.params import SegmentationParams
from worker_service.engine.runtime.session import Runtime
from worker_service.engine.runtime.signature import GraphSignature
from worker_service.engine.segmenter import PrototypeSegmenter
from worker_service.engine.vision.candidates import Candidates
from worker_service.engine.vision.layouts import channel_rows

COEFFICIENTS = 32  # of all released nets; only asked for when the graph leaves the size of its prototypes open


class YoloV8Seg(PrototypeSegmenter):
    """A loaded segmenter of this layout."""

    drops_empty = True

    def __init__(self, package: Package, runtime: Runtime) -> None:
        super().__init__(package, runtime)
        signature = self.session.signature
        boxes, prototypes = only(signature, 3), only(signature, 4)
        if boxes is None or prototypes is None:
            raise ModelLoadFailed(f"Family yolov8-seg reads boxes of rank 3 and prototypes of rank 4, not {signature}.")
        self._boxes, self._prototypes = boxes, prototypes
        coefficients = signature.outputs[prototypes].fixed(1) or COEFFICIENTS
        self._rows = 4 + len(self.labels) + coefficients
        self.expect(signature.outputs[boxes], 1, self._rows, f"4 + classes + {coefficients}")

    @override
    def decode(self, raw: Raw, params: SegmentationParams) -> Candidates:
        output = self.check(raw[self._boxes], 0, self._rows, "4 + classes + coefficients")
        return channel_rows(output, len(self.labels), params.floor, params.max_candidates)

    @override
    def prototypes(self, raw: Raw) -> Array:
        return raw[self._prototypes]


class YoloV8SegFamily:
    """Recognises the layout by metadata, else by shape."""

    name = "yolov8-seg"
    task = "instance-segmentation"

    def matches(self, signature: GraphSignature) -> float | None:
        """1.0 with Ultralytics' class names, 0.5 on shape alone."""
        boxes, prototypes = only(signature, 3), only(signature, 4)
        if not takes_one_image(signature) or boxes is None or prototypes is None or len(signature.outputs) != 2:
            return None
        if not of_task(signature, "segment"):
            return None
        return channel_rows_score(signature, signature.outputs[boxes], _coefficients(signature))

    def guess(self, signature: GraphSignature) -> Guess:
        """Classes by the rows that are neither box nor coefficient."""
        boxes = only(signature, 3)
        rows = None if boxes is None else signature.outputs[boxes].fixed(1)
        return Guess(classes=rows - 4 - _coefficients(signature) if rows else None)

    def load(self, package: Package, runtime: Runtime) -> Model[SegmentationParams]:
        """Open the graph. Raises ModelLoadFailed."""
        return YoloV8Seg(package, runtime)


def _coefficients(signature: GraphSignature) -> int:
    prototypes = only(signature, 4)
    return (None if prototypes is None else signature.outputs[prototypes].fixed(1)) or COEFFICIENTS


FAMILY: Family = YoloV8SegFamily()
