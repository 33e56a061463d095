"""Write the classes of an image on it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import cv2
import numpy as np
import supervision as sv

from shared.errors import InvalidRequest
from shared.workflows import kinds
from shared.workflows.blocks.visualizations._drawing import (
    BoxAnchor,
    PaletteDrawing,
    Visualization,
    canvas,
    position,
    single,
    style,
)
from shared.workflows.fields import FloatRef, IntRef, Selector, StrRef
from shared.workflows.images import WorkflowImage

_FORMS = {"Class": "{0}", "Confidence": "{1:.2f}", "Class and Confidence": "{0} {1:.2f}"}
GAP = 5  # pixels between labels


class ClassificationLabel(Visualization):
    """The top class of a single-label answer, all predicted classes of a multi-label one, the surest uppermost."""

    ids = ("roboflow_core/classification_label_visualization@v1",)
    label = "Classification Label Visualization"
    summary = "Write the classes of an image on it."

    class Fields(PaletteDrawing):
        """What is written where in the image; sizes in pixels, the scale that of OpenCV's font."""

        predictions: Annotated[str, Selector(kinds.CLASSIFICATION)]
        text: Literal["Class", "Confidence", "Class and Confidence"] | StrRef = "Class"
        text_position: BoxAnchor | StrRef = "TOP_LEFT"
        text_color: str | StrRef = "WHITE"
        text_scale: float | FloatRef = 1.0
        text_thickness: int | IntRef = 1
        text_padding: int | IntRef = 10
        border_radius: int | IntRef = 0

    def run(self, image: WorkflowImage, predictions: dict[str, Any], text: str, **values: Any) -> dict[str, Any]:
        """The image with its labels."""
        if text not in _FORMS:
            raise InvalidRequest(f"text is {', '.join(_FORMS)}, not {text!r}.")
        found = classes(predictions)
        drawn = canvas(image)
        if found:
            words = [_FORMS[text].format(one["class"], one["confidence"]) for one in found]
            boxes = stacked([_plate(word, values) for word in words], position(values["text_position"]), image.size)
            drawn = _written(drawn, boxes, found, words, values)
        return {"image": image.replaced(drawn)}


def classes(predictions: dict[str, Any]) -> list[dict[str, Any]]:
    """The classes to write, each with class, class_id and confidence, the surest first. Raises InvalidRequest."""
    try:
        ranked = predictions["predictions"]
        if isinstance(ranked, list):  # single label
            return sorted(ranked, key=_confidence, reverse=True)[:1]
        chosen = [{**ranked[name], "class": name} for name in predictions["predicted_classes"]]
        return sorted(chosen, key=_confidence, reverse=True)
    except (KeyError, TypeError):
        raise InvalidRequest("predictions must be a classification.") from None


def _confidence(one: dict[str, Any]) -> float:
    return float(one["confidence"])


def _plate(word: str, values: dict[str, Any]) -> tuple[int, int]:
    """Width and height of a label in pixels."""
    (width, height), _ = cv2.getTextSize(word, cv2.FONT_HERSHEY_SIMPLEX, values["text_scale"], values["text_thickness"])
    return width + 2 * values["text_padding"], height + 2 * values["text_padding"]


def stacked(plates: list[tuple[int, int]], at: sv.Position, size: tuple[int, int]) -> Any:
    """Boxes [N, 4] of plates one below the other at a side, corner or the middle of an image."""
    width, height = size
    total = sum(plate[1] for plate in plates) + GAP * (len(plates) - 1)
    top = {"TOP": 0, "BOTTOM": height - total}.get(at.value.split("_")[0], (height - total) // 2)
    boxes = []
    for wide, high in plates:
        left = {"LEFT": 0, "RIGHT": width - wide}.get(at.value.split("_")[-1], (width - wide) // 2)
        boxes.append((left, top, left + wide, top + high))
        top += high + GAP
    return np.array(boxes, float)


def _written(pixels: Any, boxes: Any, found: list[dict[str, Any]], words: list[str], values: dict[str, Any]) -> Any:
    writer = sv.LabelAnnotator(
        **style(values),
        text_position=sv.Position.CENTER,
        text_color=single(values["text_color"]),
        text_scale=values["text_scale"],
        text_thickness=values["text_thickness"],
        text_padding=values["text_padding"],
        border_radius=values["border_radius"],
    )
    ids = np.array([int(one.get("class_id", 0)) for one in found])
    places = sv.Detections(xyxy=boxes, class_id=ids, tracker_id=np.zeros(len(ids), int))
    return writer.annotate(pixels, places, labels=words)
