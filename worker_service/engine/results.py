"""What models answer, in source-image pixels, and its neutral dictionary form.

The dictionaries are what travels in job results and what the API returns; see each ``to_dict``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol
from uuid import uuid4

import numpy as np
import numpy.typing as npt
from typing_extensions import override

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]


class Result(Protocol):
    """One image's answer."""

    def to_dict(self) -> dict[str, Any]:
        """Plain Python values only (and ``bytes`` under ``visualization``), ready for msgpack."""
        ...


@dataclass(frozen=True)
class Detections:
    """Boxes of one image, best first.

    Attributes:
        image: width and height of the source in pixels.
        boxes: [n, 4] x0, y0, x1, y1 in source pixels, inside the image.
        scores: [n] in 0..1.
        class_ids: [n] indices into ``labels``.
        visualization: annotated picture when it was asked for.
    """

    image: tuple[int, int]
    boxes: FloatArray
    scores: FloatArray
    class_ids: IntArray
    labels: tuple[str, ...]
    visualization: bytes | None = None

    def to_dict(self) -> dict[str, Any]:
        """``predictions``: centre, size, confidence, class, class_id and a fresh detection_id per box."""
        return envelope("object-detection", self.image, {"predictions": self.rows()}, self.visualization)

    def rows(self) -> list[dict[str, Any]]:
        """One dictionary per box."""
        rows = zip(self.boxes.tolist(), self.scores.tolist(), self.class_ids.tolist(), strict=True)
        return [
            {
                "x": (x0 + x1) / 2,
                "y": (y0 + y1) / 2,
                "width": x1 - x0,
                "height": y1 - y0,
                "confidence": score,
                "class": self.labels[class_id],
                "class_id": class_id,
                "detection_id": str(uuid4()),
            }
            for (x0, y0, x1, y1), score, class_id in rows
        ]


@dataclass(frozen=True)
class Classification:
    """Class probabilities of one image.

    Attributes:
        image: width and height of the source in pixels.
        scores: [classes], one probability per label.
        confidence: the threshold that the request set.
    """

    image: tuple[int, int]
    scores: FloatArray
    labels: tuple[str, ...]
    confidence: float
    visualization: bytes | None = None

    @property
    def ranked(self) -> list[tuple[int, float]]:
        """(class id, probability) of the classes at or above the threshold, best first; ties in label order."""
        order: list[int] = np.argsort(-self.scores, kind="stable").tolist()
        scores = self.scores.tolist()
        return [(i, scores[i]) for i in order if scores[i] >= self.confidence]

    def to_dict(self) -> dict[str, Any]:
        """``predictions`` best first, and the first as ``top`` with its ``confidence``: "" and 0 when there is none."""
        predictions = [{"class": self.labels[i], "class_id": i, "confidence": score} for i, score in self.ranked]
        best = predictions[0] if predictions else {"class": "", "confidence": 0.0}
        body = {"predictions": predictions, "top": best["class"], "confidence": best["confidence"]}
        return envelope("classification", self.image, body, self.visualization)


@dataclass(frozen=True)
class MultiLabel(Classification):
    """Independent probabilities per label: several may hold at once."""

    @override
    def to_dict(self) -> dict[str, Any]:
        """``predictions`` of every label by name; ``predicted_classes`` are those at or above the threshold."""
        predictions = {
            label: {"confidence": score, "class_id": i}
            for i, (label, score) in enumerate(zip(self.labels, self.scores.tolist(), strict=True))
        }
        body = {"predictions": predictions, "predicted_classes": [self.labels[i] for i, _ in self.ranked]}
        return envelope("classification", self.image, body, self.visualization)


def envelope(task: str, image: tuple[int, int], body: dict[str, Any], picture: bytes | None) -> dict[str, Any]:
    """What every answer has: the task, the source's size, and the picture when there is one."""
    head = {"task": task, "image": {"width": image[0], "height": image[1]}}
    return {**head, **body} if picture is None else {**head, **body, "visualization": picture}
