"""Classes of one image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from typing_extensions import override

from visionfleet.errors import BadAnswer
from visionfleet.results.base import Result, common, supervision


@dataclass(frozen=True)
class ClassScore:
    """One class and its probability."""

    class_name: str
    class_id: int
    confidence: float


@dataclass(frozen=True, kw_only=True)
class Classification(Result):
    """Classes of one image, best first.

    Attributes:
        scores: for a single-label model the classes at or above the threshold; for a multi-label one all of them.
        top: best class of a single-label model, "" when none reaches the threshold; None for a multi-label one.
        confidence: probability of ``top``, 0 when there is none.
        predicted: classes at or above the threshold.
    """

    TASK: ClassVar[str] = "classification"

    scores: tuple[ClassScore, ...]
    top: str | None
    confidence: float | None
    predicted: tuple[str, ...]

    @override
    def rows(self) -> list[dict[str, Any]]:
        """One per class: class, class_id, confidence."""
        return [{"class": s.class_name, "class_id": s.class_id, "confidence": s.confidence} for s in self.scores]

    @override
    def to_supervision(self) -> Any:
        """``sv.Classifications``."""
        import numpy as np  # noqa: PLC0415 - comes with supervision

        package = supervision()
        ids = np.array([score.class_id for score in self.scores], dtype=int)
        return package.Classifications(ids, np.array([score.confidence for score in self.scores]))


def classification(model: str, body: Mapping[str, Any], timings: Mapping[str, float]) -> Classification:
    """Read a classification answer, single or multi label. Raises BadAnswer."""
    shared = common(Classification.TASK, model, body, timings)
    try:
        found = body["predictions"]
        if isinstance(found, Mapping):
            scores = [ClassScore(str(name), int(s["class_id"]), float(s["confidence"])) for name, s in found.items()]
            scores.sort(key=lambda score: -score.confidence)
            predicted = tuple(str(name) for name in body["predicted_classes"])
            return Classification(**shared, scores=tuple(scores), top=None, confidence=None, predicted=predicted)
        scores = [ClassScore(str(s["class"]), int(s["class_id"]), float(s["confidence"])) for s in found]
        return Classification(
            **shared,
            scores=tuple(scores),
            top=str(body["top"]),
            confidence=float(body["confidence"]),
            predicted=tuple(score.class_name for score in scores),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadAnswer("The answer holds no classes.") from error
