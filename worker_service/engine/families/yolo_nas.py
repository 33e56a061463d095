"""YOLO-NAS: boxes [batch, anchors, 4] as corners in input pixels and scores [batch, anchors, classes] in 0..1.

Each anchor may answer several classes, as the original has it. Exported with its own pre- and postprocessing, the graph
takes uint8 pixels and suppresses inside; it then answers either four outputs (how many, boxes, scores and classes, the
last of integers) or one list for the whole batch [boxes, 7] of picture, corners, score and class. Names of inputs and
outputs say nothing: outputs are told by type and rank. Images are fitted into all but 4 pixels of the input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from typing_extensions import override

from shared.errors import InferenceFailed, ModelLoadFailed
from worker_service.engine.artifacts import Package
from worker_service.engine.detector import Detector
from worker_service.engine.export import is_grid, is_image
from worker_service.engine.family import Family, Guess, Model, Raw
from worker_service.engine.model import Array
from worker_service.engine.params import DetectionParams
from worker_service.engine.runtime.session import Runtime
from worker_service.engine.runtime.signature import GraphSignature
from worker_service.engine.vision.candidates import Candidates
from worker_service.engine.vision.layouts import box_class_pairs, final_rows

# The longest side becomes 636 of 640 pixels.
INPUT: dict[str, Any] = {"border": 4}
FLAT_COLUMNS = 7


@dataclass(frozen=True)
class NasOutputs:
    """What the outputs are, and where: boxes and scores of all anchors, or of those that are left, or one list."""

    kind: Literal["raw", "batch", "flat"]
    boxes: int = 0
    scores: int = 0
    classes: int = 0
    count: int = 0


class YoloNas(Detector):
    """A loaded YOLO-NAS."""

    def __init__(self, package: Package, runtime: Runtime) -> None:
        super().__init__(package, runtime)
        signature = self.session.signature
        found = find_outputs(signature)
        if found is None:
            raise ModelLoadFailed(f"Family yolo-nas reads boxes and scores, raw or suppressed. Seen: {signature}.")
        self._found = found
        self.suppresses = found.kind == "raw"
        if found.kind == "raw":
            self.expect(signature.outputs[found.scores], 2, len(self.labels), "classes")

    @override
    def split(self, outputs: Sequence[Array], count: int) -> list[Raw]:
        if self._found.kind != "flat":
            return super().split(outputs, count)
        rows = self.check(outputs[0], -1, FLAT_COLUMNS, "columns")
        return [(rows[rows[:, 0] == i],) for i in range(count)]

    @override
    def decode(self, raw: Raw, params: DetectionParams) -> Candidates:
        if self._found.kind == "flat":
            return final_rows(self.check(raw[0], -1, FLAT_COLUMNS, "columns")[:, 1:], params.floor)
        boxes = self.check(raw[self._found.boxes], -1, 4, "corners")
        scores = self.check(raw[self._found.scores], 0, len(boxes), "boxes")
        if self._found.kind == "raw":
            self.check(scores, -1, len(self.labels), "classes")
            return box_class_pairs(boxes, scores, params.floor, params.max_candidates)
        classes = self.check(raw[self._found.classes], 0, len(boxes), "boxes")
        count = raw[self._found.count].reshape(-1)
        if count.size != 1:
            raise InferenceFailed(f"The model answers {count.size} numbers of boxes for one picture.")
        rows = np.concatenate([boxes, scores[:, None], classes[:, None]], axis=1)
        return final_rows(rows[: int(count[0])], params.floor)


class YoloNasFamily:
    """Recognises outputs by type and rank, and graphs that take pixels as they are."""

    name = "yolo-nas"
    task = "object-detection"

    def matches(self, signature: GraphSignature) -> float | None:
        """1.0 for uint8 pixels, 0.5 on the outputs alone."""
        if len(signature.inputs) != 1 or "task" in signature.metadata:
            return None
        found, pixels = find_outputs(signature), is_image(signature.inputs[0], pixels=True)
        if found is None or not (pixels or is_image(signature.inputs[0])):
            return None
        if pixels:
            return 1.0
        if found.kind == "flat":  # YOLOv7's list has class and score the other way round; only the name tells
            return 0.5 if "flat" in signature.outputs[0].name else None
        # RF-DETR has a few hundred queries instead of a box for each cell.
        return None if is_grid(signature, signature.outputs[found.boxes].fixed(1), 1) is False else 0.5

    def guess(self, signature: GraphSignature) -> Guess:
        """Classes by the scores, and the way images are fitted."""
        found = find_outputs(signature)
        raw = found is not None and found.kind == "raw"
        classes = signature.outputs[found.scores].fixed(2) if found is not None and raw else None
        own = {"scale": 1.0} if is_image(signature.inputs[0], pixels=True) else {}
        return Guess(classes=classes, input={**INPUT, **own})

    def load(self, package: Package, runtime: Runtime) -> Model[DetectionParams]:
        """Open the graph. Raises ModelLoadFailed."""
        return YoloNas(package, runtime)


def find_outputs(signature: GraphSignature) -> NasOutputs | None:
    """Which output is what, by type and rank; None when they do not fit."""
    ranks = [len(output.shape) for output in signature.outputs]
    if ranks == [2] and signature.outputs[0].fixed(1) == FLAT_COLUMNS:
        return NasOutputs("flat")
    if ranks == [3, 3]:
        four = [i for i, output in enumerate(signature.outputs) if output.fixed(2) == 4]
        boxes = four[0] if four else 0  # with four classes both fit, and boxes come first
        return NasOutputs("raw", boxes, 1 - boxes) if four or signature.outputs[0].fixed(2) is None else None
    if sorted(ranks) != [2, 2, 2, 3]:
        return None
    whole = [i for i, o in enumerate(signature.outputs) if len(o.shape) == 2 and o.dtype.startswith("int")]
    scores = [i for i, o in enumerate(signature.outputs) if len(o.shape) == 2 and not o.dtype.startswith("int")]
    if len(whole) != 2 or len(scores) != 1:
        return None
    count, classes = sorted(whole, key=lambda i: (signature.outputs[i].fixed(1) != 1, i))
    return NasOutputs("batch", ranks.index(3), scores[0], classes, count)


FAMILY: Family = YoloNasFamily()
