"""RF-DETR with keypoints: as family rfdetr, plus ``keypoints`` [batch, queries, classes x points, values].

Of each point: x and y in 0..1, a logit of being found, one of being visible, and three numbers that describe how exact
the place is (logarithms of a Cholesky factor's diagonal around its corner). Where they are given, an object's score is
lowered by the spread of its points, as the original does. Each class has its own block of points; a class beyond the
last block has none.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from shared.errors import InferenceFailed
from worker_service.engine.artifacts import Package
from worker_service.engine.family import Family, Guess, Model, Raw
from worker_service.engine.params import KeypointParams
from worker_service.engine.poser import Poser
from worker_service.engine.query_model import (
    decode_queries,
    query_guess,
    query_score,
    require_outputs,
    rows_of_queries,
)
from worker_service.engine.runtime.session import Runtime
from worker_service.engine.runtime.signature import GraphSignature
from worker_service.engine.vision.candidates import Candidates, Floats
from worker_service.engine.vision.layouts import sigmoid

# RF-DETR's ``postprocess_trace_alpha``: how much the spread of the points lowers the score.
TRACE_ALPHA = 0.2
TINY = 1e-12


class RfDetrPose(Poser):
    """A loaded RF-DETR pose model."""

    suppresses = False

    def __init__(self, package: Package, runtime: Runtime) -> None:
        super().__init__(package, runtime)
        self._found = require_outputs(self.session.signature, "rfdetr-pose", len(self.labels), extra=True)

    @override
    def decode(self, raw: Raw, params: KeypointParams) -> Candidates:
        # Points change the scores: the threshold comes after them.
        pairs = decode_queries(raw, self._found, len(self.labels), self.size, 0.0)
        known, points = self._own_points(raw, pairs)
        scores = pairs.scores.copy()
        if points.shape[2] >= 7:
            scores[known] = fused_scores(scores[known], points)
        extras = np.zeros((len(scores), len(self.names), 3), np.float32)
        extras[known, :, :2] = points[..., :2] * np.array(self.size, np.float32)
        extras[known, :, 2] = sigmoid(points[..., 2])
        fused = Candidates(pairs.boxes, scores, pairs.class_ids, extras.reshape(len(scores), -1))
        return fused.take(scores > params.floor)

    def _own_points(self, raw: Raw, pairs: Candidates) -> tuple[npt.NDArray[np.bool_], Floats]:
        """Which pairs' classes have points, and those [m, points, values]."""
        rows = rows_of_queries(raw[self._found.extra or 0], pairs, len(raw[self._found.boxes]))
        blocks, left = divmod(rows.shape[1], len(self.names))
        if left or rows.shape[2] < 3:
            raise InferenceFailed(
                f"The model answers {list(rows.shape)} keypoint slots; they should be a multiple of the "
                f"{len(self.names)} names in 'keypoints' of model.json."
            )
        known = pairs.class_ids < blocks
        by_class = rows[known].reshape(-1, blocks, len(self.names), rows.shape[2])
        return known, by_class[np.arange(len(by_class)), pairs.class_ids[known]].astype(np.float32, copy=False)


def fused_scores(scores: Floats, points: Floats) -> Floats:
    """Scores [n] lowered by the expected squared error of the points [n, k, 7 or more].

    The error is the trace of each point's covariance, averaged with the chances of being found as weights, in
    logarithms throughout because sharp points underflow.
    """
    first, corner, second = points[..., 4], points[..., 5], points[..., 6]
    across, down = -2 * first, -2 * second
    both = 2 * np.log(np.maximum(np.abs(corner), TINY)) + across + down
    trace = np.logaddexp(np.logaddexp(across, down), both)
    weight = np.log(np.maximum(sigmoid(points[..., 2]), TINY))
    spread = np.logaddexp.reduce(trace + weight, axis=1) - np.logaddexp.reduce(weight, axis=1)
    fused = sigmoid(np.log(np.maximum(scores, TINY)) - TRACE_ALPHA * spread)
    below_one = np.nextafter(np.float32(1), np.float32(0))
    return np.asarray(np.minimum(fused, below_one), np.float32)


class RfDetrPoseFamily:
    """Recognises the names of the outputs: by shape alone keypoints could be masks."""

    name = "rfdetr-pose"
    task = "keypoint-detection"

    def matches(self, signature: GraphSignature) -> float | None:
        """1.0 with the exporter's names, else None."""
        return query_score(signature, "keypoints")

    def guess(self, signature: GraphSignature) -> Guess:
        """Classes, names of the points, and RF-DETR's preprocessing."""
        found = query_guess(signature)
        slots = next(o.fixed(2) for o in signature.outputs if len(o.shape) == 4) or 0
        names = tuple(f"point_{i}" for i in range(slots // max(1, found.classes or 1)))
        unsure = (*found.unsure, "keypoints: names were made up, as many as the slots of one class.")
        return Guess(found.classes, found.input, {"keypoints": names}, unsure)

    def load(self, package: Package, runtime: Runtime) -> Model[KeypointParams]:
        """Open the graph. Raises ModelLoadFailed."""
        return RfDetrPose(package, runtime)


FAMILY: Family = RfDetrPoseFamily()
