"""Name detections by what a classifier, or a reader, says of their crops."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple
from uuid import uuid4

import numpy as np
import supervision as sv

from shared.workflows import kinds
from shared.workflows.batch import Batch
from shared.workflows.block import Block
from shared.workflows.detections import CLASS_NAME, DETECTION_ID, at, copied
from shared.workflows.fields import BoxesRef, IntRef, Selector, StepFields, StrRef


class Named(NamedTuple):
    """What a detection is called now."""

    name: str
    id: int
    confidence: float


class DetectionsClassesReplacement(Block):
    """A detection whose crop has no class gets the fallback's, or is left out where there is none."""

    ids = ("roboflow_core/detections_classes_replacement@v1", "DetectionsClassesReplacement")
    label = "Detections Classes Replacement"
    summary = "Name detections by what a classifier says of their crops."
    category = "fusion"
    outputs = {"predictions": kinds.BOXES}
    input_offsets = {"classification_predictions": 1}
    reference = "object_detection_predictions"
    accepts_empty = True

    class Fields(StepFields):
        """Of several labels the surest counts; of texts, the text is the class."""

        object_detection_predictions: BoxesRef
        classification_predictions: Annotated[str, Selector(kinds.CLASSIFICATION, kinds.LIST, kinds.STRING)]
        fallback_class_name: str | StrRef | None = None
        fallback_class_id: int | IntRef | None = None

    def run(
        self,
        object_detection_predictions: sv.Detections | None,
        classification_predictions: Batch[Any] | None,
        fallback_class_name: str | None,
        fallback_class_id: int | None,
    ) -> dict[str, Any]:
        """Detections under new names and ids of their own."""
        found = object_detection_predictions
        if found is None:
            return {"predictions": None}
        known = _by_detection(found, classification_predictions)
        if fallback_class_name:
            fallback_id = fallback_class_id if fallback_class_id is not None else np.iinfo(np.int32).max
            fallback = Named(fallback_class_name, int(fallback_id), 0.0)
            named: list[Named | None] = [known.get(i, fallback) for i in range(len(found))]
        else:
            named = [known.get(i) for i in range(len(found))]
        kept = [(i, one) for i, one in enumerate(named) if one is not None]
        made = copied(at(found, [i for i, _ in kept]))
        made.class_id = np.array([one.id for _, one in kept], int)
        made.confidence = np.array([one.confidence for _, one in kept], np.float64)
        made.data[CLASS_NAME] = np.array([one.name for _, one in kept], dtype=str)
        made.data[DETECTION_ID] = np.array([str(uuid4()) for _ in kept], dtype=str)
        return {"predictions": made}


def _by_detection(found: sv.Detections, answers: Batch[Any] | None) -> dict[int, Named]:
    """What each detection is called, by its position: classifications name their crop, texts stand in its order."""
    positions = {str(name): i for i, name in enumerate(found.data.get(DETECTION_ID, []))}
    known: dict[int, Named] = {}
    for index, answer in [] if answers is None else answers.iter_with_indices():
        one = _named(answer)
        position = positions.get(str(answer.get("parent_id")), index[-1]) if isinstance(answer, Mapping) else index[-1]
        if one is not None:
            known[position] = one
    return known


def _named(answer: Any) -> Named | None:
    if isinstance(answer, (list, tuple)):
        answer = next((text for text in answer if isinstance(text, str) and text), None)
    if isinstance(answer, str):
        return Named(answer, 0, 1.0) if answer else None
    if not isinstance(answer, Mapping) or not answer.get("predictions"):
        return None
    rows = answer["predictions"]
    if isinstance(rows, Mapping):
        name, row = max(rows.items(), key=lambda item: item[1]["confidence"])
        return Named(str(name), int(row["class_id"]), float(row["confidence"]))
    row = max(rows, key=lambda one: one["confidence"])
    return Named(str(row["class"]), int(row["class_id"]), float(row["confidence"]))
