"""Keep detections by a confidence of their class."""

from __future__ import annotations

from typing import Any

import numpy as np
import supervision as sv

from shared.errors import InvalidRequest
from shared.workflows import kinds
from shared.workflows.batch import Batch
from shared.workflows.block import Block
from shared.workflows.detections import at, names
from shared.workflows.fields import BoxesRef, DictRef, FractionRef, StepFields


class PerClassConfidenceFilter(Block):
    """Classes without a threshold of their own have the default one."""

    ids = ("roboflow_core/per_class_confidence_filter@v1",)
    label = "Per-Class Confidence Filter"
    summary = "Keep detections that are confident enough for their class."
    category = "transformation"
    outputs = {"predictions": kinds.BOXES}
    batch = ("predictions",)

    class Fields(StepFields):
        """Confidence from 0 to 1 by class name; what reaches it is kept."""

        predictions: BoxesRef
        class_thresholds: dict[str, float] | DictRef
        default_threshold: float | FractionRef = 0.3

    def run(
        self, predictions: Batch[sv.Detections], class_thresholds: dict[str, Any], default_threshold: float
    ) -> list[dict[str, Any]]:
        """The detections that stay."""
        try:
            limits = {str(name): float(limit) for name, limit in (class_thresholds or {}).items()}
        except (TypeError, ValueError, AttributeError):
            raise InvalidRequest("class_thresholds are numbers by class name.") from None
        return [{"predictions": confident(found, limits, float(default_threshold))} for found in predictions]


def confident(found: sv.Detections, limits: dict[str, float], default: float) -> sv.Detections:
    """The detections that reach the limit of their class; all of those without confidences."""
    if found.confidence is None or not len(found):
        return found
    classes = names(found) or [""] * len(found)
    least = np.array([limits.get(name, default) for name in classes])
    # in double precision both, as a definition's 0.7 means
    return at(found, np.round(np.asarray(found.confidence, float), 7) >= least)
