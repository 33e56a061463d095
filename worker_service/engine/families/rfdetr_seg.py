"""RF-DETR with masks: as family rfdetr, plus ``masks`` [batch, queries, h, w] of logits over the whole picture.

A mask is not cut at its box: the network places it on its own.
"""

from __future__ import annotations

import numpy as np
from typing_extensions import override

from shared.errors import InferenceFailed
from worker_service.engine.artifacts import Package
from worker_service.engine.family import Family, Guess, Model, Raw
from worker_service.engine.params import SegmentationParams
from worker_service.engine.query_model import (
    decode_queries,
    query_guess,
    query_score,
    require_outputs,
    rows_of_queries,
)
from worker_service.engine.runtime.session import Runtime
from worker_service.engine.runtime.signature import GraphSignature
from worker_service.engine.segmenter import Segmenter
from worker_service.engine.vision.candidates import Candidates, Floats


class RfDetrSeg(Segmenter):
    """A loaded RF-DETR segmenter."""

    suppresses = False
    crops = False

    def __init__(self, package: Package, runtime: Runtime) -> None:
        super().__init__(package, runtime)
        self._found = require_outputs(self.session.signature, "rfdetr-seg", len(self.labels), extra=True)

    @override
    def decode(self, raw: Raw, params: SegmentationParams) -> Candidates:
        return decode_queries(raw, self._found, len(self.labels), self.size, params.floor)

    @override
    def grid(self, raw: Raw) -> tuple[int, int]:
        shape = raw[self._found.extra or 0].shape
        if len(shape) != 3:
            raise InferenceFailed(f"The model answers masks {list(shape)}.")
        return shape[1], shape[2]

    @override
    def planes(self, raw: Raw, kept: Candidates) -> Floats:
        masks = raw[self._found.extra or 0]
        return np.asarray(rows_of_queries(masks, kept, len(raw[self._found.boxes])), np.float32)


class RfDetrSegFamily:
    """Recognises the names of the outputs, else their shapes."""

    name = "rfdetr-seg"
    task = "instance-segmentation"

    def matches(self, signature: GraphSignature) -> float | None:
        """1.0 with the exporter's names, 0.5 on shape alone."""
        return query_score(signature, "masks")

    def guess(self, signature: GraphSignature) -> Guess:
        """Classes, and RF-DETR's preprocessing."""
        return query_guess(signature)

    def load(self, package: Package, runtime: Runtime) -> Model[SegmentationParams]:
        """Open the graph. Raises ModelLoadFailed."""
        return RfDetrSeg(package, runtime)


FAMILY: Family = RfDetrSegFamily()
