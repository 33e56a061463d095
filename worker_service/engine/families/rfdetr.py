"""RF-DETR: ``dets`` [batch, queries, 4] centre boxes in 0..1 and ``labels`` [batch, queries, classes] logits.

Each query may answer several classes: the best pairs of query and class are taken, as many as there are queries.
Nothing is suppressed; ``iou_threshold`` and ``nms_mode`` have no effect. A slot after the labels is the background.
"""

from __future__ import annotations

from typing_extensions import override

from worker_service.engine.artifacts import Package
from worker_service.engine.detector import Detector
from worker_service.engine.family import Family, Guess, Model, Raw
from worker_service.engine.params import DetectionParams
from worker_service.engine.query_model import decode_queries, query_guess, query_score, require_outputs
from worker_service.engine.runtime.session import Runtime
from worker_service.engine.runtime.signature import GraphSignature
from worker_service.engine.vision.candidates import Candidates


class RfDetr(Detector):
    """A loaded RF-DETR detector."""

    suppresses = False

    def __init__(self, package: Package, runtime: Runtime) -> None:
        super().__init__(package, runtime)
        self._found = require_outputs(self.session.signature, "rfdetr", len(self.labels), extra=False)

    @override
    def decode(self, raw: Raw, params: DetectionParams) -> Candidates:
        return decode_queries(raw, self._found, len(self.labels), self.size, params.floor)


class RfDetrFamily:
    """Recognises the names of the outputs, else their shapes."""

    name = "rfdetr"
    task = "object-detection"

    def matches(self, signature: GraphSignature) -> float | None:
        """1.0 with the exporter's names, 0.5 on shape alone."""
        return query_score(signature, None)

    def guess(self, signature: GraphSignature) -> Guess:
        """Classes, and RF-DETR's preprocessing."""
        return query_guess(signature)

    def load(self, package: Package, runtime: Runtime) -> Model[DetectionParams]:
        """Open the graph. Raises ModelLoadFailed."""
        return RfDetr(package, runtime)


FAMILY: Family = RfDetrFamily()
