"""Text from single recognised characters or words."""

from __future__ import annotations

from typing import Any, Literal

import supervision as sv

from shared.errors import InvalidRequest
from shared.workflows import kinds
from shared.workflows.batch import Batch
from shared.workflows.block import Block
from shared.workflows.detections import names
from shared.workflows.fields import FloatRef, IntRef, ObjectsRef, StepFields, StrRef
from shared.workflows.vision import ocr_text

Direction = Literal["left_to_right", "right_to_left", "vertical_top_to_bottom", "vertical_bottom_to_top", "auto"]


class StitchOcrDetectionsV1(Block):
    """Lines are buckets of ``tolerance`` pixels. ``auto`` judges by the first image whether boxes are wide or tall."""

    ids = ("roboflow_core/stitch_ocr_detections@v1",)
    label = "Stitch OCR Detections"
    summary = "Put recognised characters into reading order as one text."
    category = "transformation"
    outputs = {"ocr_text": (kinds.STRING,)}
    batch = ("predictions",)
    engine = ">=1.0.0,<2.0.0"

    class Fields(StepFields):
        """The class of each detection is its text; ``delimiter`` stands between them."""

        predictions: ObjectsRef
        reading_direction: Direction
        tolerance: int | IntRef = 10
        delimiter: str | StrRef = ""

    def run(
        self, predictions: Batch[sv.Detections], reading_direction: str, tolerance: int, delimiter: str
    ) -> list[dict[str, Any]]:
        """The text of each image."""
        direction = _direction(reading_direction, predictions)
        texts = (
            ocr_text.by_tolerance(d.xyxy.astype(float), names(d), direction, tolerance, delimiter) for d in predictions
        )
        return [{"ocr_text": text} for text in texts]


class StitchOcrDetectionsV2(Block):
    """By fixed lines (tolerance), by words told apart by their gaps (otsu), or along skewed lines (collimate)."""

    ids = ("roboflow_core/stitch_ocr_detections@v2",)
    label = "Stitch OCR Detections"
    summary = "Put recognised characters into reading order as one text, by one of three ways."
    category = "transformation"
    outputs = {"ocr_text": (kinds.STRING,)}
    batch = ("predictions",)
    engine = ">=1.0.0,<2.0.0"

    class Fields(StepFields):
        """``tolerance`` and ``collimate_tolerance`` in pixels; the multiplier above 1 makes fewer words."""

        stitching_algorithm: Literal["tolerance", "otsu", "collimate"]
        predictions: ObjectsRef
        reading_direction: Direction
        tolerance: int | IntRef = 10
        delimiter: str | StrRef = ""
        otsu_threshold_multiplier: float | FloatRef = 1.0
        collimate_tolerance: int | IntRef = 10

    def run(
        self, predictions: Batch[sv.Detections], stitching_algorithm: str, reading_direction: str, **values: Any
    ) -> list[dict[str, Any]]:
        """The text of each image."""
        direction = _direction(reading_direction, predictions)
        return [{"ocr_text": _text(found, stitching_algorithm, direction, values)} for found in predictions]


def _text(found: sv.Detections, way: str, direction: str, values: dict[str, Any]) -> str:
    boxes, texts, delimiter = found.xyxy.astype(float), names(found), values["delimiter"]
    if way == "otsu":
        return ocr_text.by_gaps(boxes, texts, direction, delimiter, values["otsu_threshold_multiplier"])
    if way == "collimate":
        return ocr_text.by_following(boxes, texts, direction, delimiter, values["collimate_tolerance"])
    if way == "tolerance":
        return ocr_text.by_tolerance(boxes, texts, direction, values["tolerance"], delimiter)
    raise InvalidRequest(f"stitching_algorithm is tolerance, otsu or collimate, not {way!r}.")


def _direction(asked: str, predictions: Batch[sv.Detections]) -> str:
    if asked != "auto" or not len(predictions):
        return asked
    return ocr_text.guess_direction(predictions[0].xyxy.astype(float))
