"""What the two versions of each reader of language models' answers share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import md5
from typing import Any
from uuid import uuid4

import supervision as sv

from shared.workflows import detections as columns
from shared.workflows.blocks.formatters._vlm_boxes import NoBoxes, corners, entries, label
from shared.workflows.images import WorkflowImage
from shared.workflows.json_text import read_any, read_object

UNKNOWN = -1
"""Class id of a name that is not among the classes."""


class Unreadable(ValueError):
    """The model did not write what was asked of it."""


def classified(image: WorkflowImage, text: Any, classes: Sequence[str]) -> dict[str, Any]:
    """A classification answer from ``{"class_name", "confidence"}`` or ``{"predicted_classes": [...]}``.

    Raises:
        Unreadable: it is neither.
    """
    found = _object(text)
    width, height = image.size
    head = {
        "image": {"width": width, "height": height},
        "inference_id": str(uuid4()),
        "parent_id": image.parent_id,
        "root_parent_id": image.root_id,
    }
    if "predicted_classes" in found:
        return {**head, **_several(found["predicted_classes"], classes)}
    if "class_name" in found:
        return {**head, **_one(str(found["class_name"]), _sure(found), classes)}
    raise Unreadable("there is no class in it")


def _one(name: str, confidence: float, classes: Sequence[str]) -> dict[str, Any]:
    rows = [{"class": known, "class_id": i, "confidence": 0.0} for i, known in enumerate(classes)]
    if name not in classes:
        rows.insert(0, {"class": name, "class_id": UNKNOWN, "confidence": 0.0})
    for row in rows:
        row["confidence"] = confidence if row["class"] == name else 0.0
    rows.sort(key=lambda row: row["class"] != name)
    return {"predictions": rows, "top": name, "confidence": confidence}


def _several(predicted: Any, classes: Sequence[str]) -> dict[str, Any]:
    if not isinstance(predicted, list):
        raise Unreadable("predicted_classes is no list")
    rows = {known: {"confidence": 0.0, "class_id": i} for i, known in enumerate(classes)}
    for each in predicted:
        if not isinstance(each, Mapping) or "class" not in each:
            raise Unreadable("a predicted class has no name")
        name = str(each["class"])
        row = rows.setdefault(name, {"confidence": 0.0, "class_id": UNKNOWN})
        row["confidence"] = max(row["confidence"], _sure(each))
    names = dict.fromkeys(str(each["class"]) for each in predicted)
    return {"predictions": rows, "predicted_classes": list(names)}


def detected(
    image: WorkflowImage, text: Any, classes: Sequence[str], task: str, *, model: str, name: str
) -> sv.Detections:
    """Boxes in pixels from a model's answer; ``name`` becomes their inference id.

    Florence-2 writes pixels: ``bboxes`` and ``labels``, or ``quad_boxes`` for text. What others write stands in
    ``_vlm_boxes.py``.

    Raises:
        Unreadable: it is something else.
    """
    florence = model == "florence-2"
    rows = _florence(_object(text), task) if florence else _listed(text, model, image.size)
    ids = [_class_id(name, classes, open_ended=florence and not classes) for _, name, _ in rows]
    return columns.build(
        [box for box, _, _ in rows],
        [confidence for _, _, confidence in rows],
        ids,
        [name for _, name, _ in rows],
        image,
        prediction_type="object-detection",
        inference_id=name,
    )


Row = tuple[list[float], str, float]


def _listed(text: Any, model: str, size: tuple[int, int]) -> list[Row]:
    found = text if isinstance(text, (Mapping, list)) else read_any(text)
    try:
        return [(corners(each, model, size), label(each), _sure(each)) for each in entries(found)]
    except NoBoxes as error:
        raise Unreadable(str(error)) from error


def _florence(found: Mapping[str, Any], task: str) -> list[Row]:
    try:
        if task == "ocr-with-text-detection":
            quads = [[float(value) for value in quad] for quad in found["quad_boxes"]]
            boxes = [[min(quad[0::2]), min(quad[1::2]), max(quad[0::2]), max(quad[1::2])] for quad in quads]
        else:
            boxes = [[float(value) for value in box] for box in found["bboxes"]]
        labels = found.get("labels", found.get("bboxes_labels", []))
        if task == "region-proposal":
            labels = ["roi"] * len(boxes)
        return [(box, str(label), 1.0) for box, label in zip(boxes, labels, strict=True)]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise Unreadable("boxes and labels do not go together") from error


def _class_id(name: str, classes: Sequence[str], *, open_ended: bool) -> int:
    if name in classes:
        return list(classes).index(name)
    if not open_ended:
        return UNKNOWN
    # Without a list of classes: an id that is the same in every process, as colours and counters go by ids.
    return int(md5(name.encode(), usedforsecurity=False).hexdigest(), 16) % 10_000


def _object(text: Any) -> Mapping[str, Any]:
    found = text if isinstance(text, Mapping) else read_object(text)
    if not found:
        raise Unreadable("there is no JSON object in it")
    return found


def _sure(found: Mapping[str, Any]) -> float:
    try:
        return min(max(float(found.get("confidence", 1.0)), 0.0), 1.0)
    except (TypeError, ValueError):
        return 1.0
