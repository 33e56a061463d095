"""The original YOLOv5's layout, which v7 keeps: [batch, anchors, 5 + classes] of centre, size, objectness and classes.

A graph may also give its three raw maps [batch, 3, h, w, 5 + classes] beside the rows (v7 with ``--grid``, old v5);
they are left alone. With the maps alone (v7 without it), boxes are computed here, and ``anchors`` in model.json must
say from which anchors. A box's score is objectness times class score; under ``nms_mode`` legacy it is the objectness.
"""

from __future__ import annotations

import numpy as np
from typing_extensions import override

from shared.errors import InferenceFailed, ModelLoadFailed
from worker_service.engine.artifacts import Package
from worker_service.engine.detector import Detector
from worker_service.engine.export import objectness_rows_score, only, takes_one_image
from worker_service.engine.family import Family, Guess, Model, Raw
from worker_service.engine.model import Array
from worker_service.engine.params import DetectionParams
from worker_service.engine.runtime.session import Runtime
from worker_service.engine.runtime.signature import GraphSignature
from worker_service.engine.vision.candidates import Candidates
from worker_service.engine.vision.layouts import anchor_maps, objectness_rows

MAP_RANK = 5


class YoloV5(Detector):
    """A loaded detector of this layout."""

    def __init__(self, package: Package, runtime: Runtime) -> None:
        super().__init__(package, runtime)
        signature = self.session.signature
        self._columns = 5 + len(self.labels)
        self._rows = only(signature, 3)
        self._anchors = np.zeros((0, 0, 2), np.float32)
        if self._rows is not None:
            self.expect(signature.outputs[self._rows], 2, self._columns, "5 + classes")
        elif not _maps(signature):
            raise ModelLoadFailed(
                f"Family yolov5 reads rows [batch, anchors, 5 + classes] or raw maps, not {signature}."
            )
        else:
            self._anchors = self._stated_anchors(signature)

    @override
    def decode(self, raw: Raw, params: DetectionParams) -> Candidates:
        rows = self._decode_maps(raw, float(params.floor)) if self._rows is None else raw[self._rows]
        rows = self.check(rows, 1, self._columns, "5 + classes")
        limit, legacy = params.max_candidates, params.nms_mode == "legacy"
        return objectness_rows(rows, len(self.labels), params.floor, limit, legacy=legacy)

    def _decode_maps(self, raw: Raw, confidence: float) -> Array:
        if any(level.shape[0] != self._anchors.shape[1] or level.shape[-1] != self._columns for level in raw):
            shapes = [list(level.shape) for level in raw]
            raise InferenceFailed(f"The model answers maps {shapes}; the last size should be {self._columns}.")
        # The finest level has most cells; exporters keep that order, but nothing binds them to it.
        levels = sorted(raw, key=lambda level: -level.shape[1])
        return anchor_maps(levels, self._anchors, self.size, confidence)

    def _stated_anchors(self, signature: GraphSignature) -> Array:
        for output in signature.outputs:
            self.expect(output, 4, self._columns, "5 + classes")
        stated = self.manifest.anchors or ()
        counts = {output.fixed(1) for output in signature.outputs}
        if len(stated) != len(signature.outputs) or any({len(level)} != counts for level in stated):
            raise ModelLoadFailed(
                f"The graph gives {len(signature.outputs)} raw maps of {'/'.join(map(str, counts))} anchors; 'anchors' "
                f"in model.json must list their widths and heights and has {[len(level) for level in stated]}."
            )
        return np.array(stated, np.float32)


class YoloV5Family:
    """Recognises the layout by class names, else by shape."""

    name = "yolov5"
    task = "object-detection"

    def matches(self, signature: GraphSignature) -> float | None:
        """1.0 when columns fit the names, 0.5 on shape alone."""
        if not takes_one_image(signature) or any(len(o.shape) not in (3, MAP_RANK) for o in signature.outputs):
            return None
        rows = only(signature, 3)
        if rows is not None:
            return objectness_rows_score(signature, signature.outputs[rows], 0)
        return 0.5 if _maps(signature) else None

    def guess(self, signature: GraphSignature) -> Guess:
        """Classes by the columns."""
        rows = only(signature, 3)
        columns = signature.outputs[0 if rows is None else rows].fixed(-1)
        unsure = () if rows is not None else ("anchors: the graph leaves them to model.json, and does not name them.",)
        return Guess(classes=columns - 5 if columns else None, unsure=unsure)

    def load(self, package: Package, runtime: Runtime) -> Model[DetectionParams]:
        """Open the graph. Raises ModelLoadFailed."""
        return YoloV5(package, runtime)


def _maps(signature: GraphSignature) -> bool:
    """Whether there are raw maps and nothing else."""
    return len(signature.outputs) > 1 and all(len(output.shape) == MAP_RANK for output in signature.outputs)


FAMILY: Family = YoloV5Family()
