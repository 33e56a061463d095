"""Our answer to a picture beside the reference's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from tests.parity import golden

BOX_TOLERANCE = 0.05  # pixels of the source picture
SCORE_TOLERANCE = 1e-4
MASK_IOU = 0.99
KEYPOINT_TOLERANCE = 0.05  # pixels of the source picture


@dataclass
class Errors:
    """Largest differences; of ``masks`` the smallest overlap. ``mismatch``: why nothing could be compared."""

    boxes: float = 0.0
    scores: float = 0.0
    keypoints: float = 0.0
    masks: float = 1.0
    mismatch: str = ""

    def worse(self, other: Errors) -> Errors:
        """The larger of each."""
        return Errors(
            max(self.boxes, other.boxes),
            max(self.scores, other.scores),
            max(self.keypoints, other.keypoints),
            min(self.masks, other.masks),
            self.mismatch or other.mismatch,
        )

    @property
    def passed(self) -> bool:
        """Whether all are within the tolerances."""
        return (
            not self.mismatch
            and self.boxes <= BOX_TOLERANCE
            and self.scores <= SCORE_TOLERANCE
            and self.keypoints <= KEYPOINT_TOLERANCE
            and self.masks >= MASK_IOU
        )


def compare(ours: dict[str, Any], reference: golden.Arrays) -> Errors:
    """Compare one answer.

    Args:
        ours: ``Result.to_dict()``.
        reference: arrays of the golden answer.
    """
    if "probabilities" in reference:
        return _compare_classes(ours, reference["probabilities"])
    if "confidences" in reference:
        return _compare_maps(ours["predictions"], reference)
    predictions = ours["predictions"]
    count = len(reference["boxes"])
    if len(predictions) != count:
        return Errors(mismatch=f"{len(predictions)} boxes instead of {count}")
    if not count:
        return Errors()
    boxes = np.array([_corners(prediction) for prediction in predictions])
    classes = np.array([prediction["class_id"] for prediction in predictions])
    order = _pair(boxes, classes, reference)
    if order is None:
        return Errors(mismatch=f"classes {classes.tolist()} instead of {reference['classes'].tolist()}")
    scores = np.array([prediction["confidence"] for prediction in predictions])
    errors = Errors(
        boxes=float(np.abs(boxes[order] - reference["boxes"]).max()),
        scores=float(np.abs(scores[order] - reference["scores"]).max()),
    )
    chosen = [predictions[i] for i in order]
    if "keypoints" in reference:
        points, seen = _keypoints(chosen)
        errors.keypoints = float(np.abs(points - reference["keypoints"][..., :2]).max())
        errors.scores = max(errors.scores, float(np.abs(seen - reference["keypoints"][..., 2]).max()))
    masks = golden.part(reference, "masks")
    if masks:
        errors.masks = min(map(_iou, chosen, golden.unpack_masks(masks)))
    return errors


def _corners(prediction: dict[str, Any]) -> list[float]:
    x, y, width, height = (prediction[key] for key in ("x", "y", "width", "height"))
    return [x - width / 2, y - height / 2, x + width / 2, y + height / 2]


def _pair(boxes: np.ndarray, classes: np.ndarray, reference: golden.Arrays) -> list[int] | None:
    """For each reference box the closest of ours of its class, each used once; None when the classes differ."""
    left = list(range(len(boxes)))
    order = []
    for box, class_id in zip(reference["boxes"], reference["classes"], strict=True):
        same = [i for i in left if classes[i] == class_id]
        if not same:
            return None
        best = min(same, key=lambda i: float(np.abs(boxes[i] - box).max()))
        left.remove(best)
        order.append(best)
    return order


def _keypoints(predictions: list[dict[str, Any]]) -> tuple[np.ndarray, np.ndarray]:
    """Places [n, K, 2] and confidences [n, K]."""
    rows = [prediction["keypoints"] for prediction in predictions]
    places = np.array([[(point["x"], point["y"]) for point in row] for row in rows])
    return places, np.array([[point["confidence"] for point in row] for row in rows])


def _iou(prediction: dict[str, Any], reference: np.ndarray) -> float:
    return overlap(mask_of(prediction, reference.shape), reference)


def overlap(ours: np.ndarray, reference: np.ndarray) -> float:
    """IoU of two masks, one pixel let off: of fewer than 100 pixels a single one is more than the tolerance."""
    union = np.count_nonzero(ours | reference)
    return 1.0 - max(int(np.count_nonzero(ours ^ reference)) - 1, 0) / int(union) if union else 1.0


def mask_of(prediction: dict[str, Any], shape: tuple[int, ...]) -> np.ndarray:
    """Bool mask [H, W] of a prediction with run lengths (``rle``, COCO's column order) or one polygon (``points``)."""
    if "rle" in prediction:
        counts = prediction["rle"]["counts"]
        runs = np.array(counts if isinstance(counts, list) else _coco_counts(counts))
        return np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(shape[::-1]).T
    mask = np.zeros(shape, np.uint8)
    points = np.array([(point["x"], point["y"]) for point in prediction["points"]])
    cv2.fillPoly(mask, [np.round(points).astype(np.int32)], 1)
    return mask.astype(bool)


def _coco_counts(text: str | bytes) -> list[int]:
    """COCO's compressed run lengths: six bits per character, differences to the last but one run."""
    data = text.encode() if isinstance(text, str) else text
    counts: list[int] = []
    value = shift = 0
    for byte in data:
        code = byte - 48
        value |= (code & 0x1F) << shift
        shift += 5
        if code & 0x20:
            continue
        if code & 0x10:
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = shift = 0
    return counts


def _compare_classes(ours: dict[str, Any], reference: np.ndarray) -> Errors:
    predictions = ours["predictions"]
    rows = predictions.values() if isinstance(predictions, dict) else predictions
    scores = np.full(len(reference), np.nan)
    for row in rows:
        scores[row["class_id"]] = row["confidence"]
    if np.isnan(scores).any():
        return Errors(mismatch=f"{len(predictions)} classes instead of {len(reference)} at a threshold of 0")
    return Errors(scores=float(np.abs(scores - reference).max()))


def _compare_maps(ours: dict[str, Any], reference: golden.Arrays) -> Errors:
    """Two PNG files against a mask per class, and probabilities at some places; a step of a byte is not an error."""
    classes, confidences = (
        cv2.imdecode(np.frombuffer(ours[key], np.uint8), cv2.IMREAD_UNCHANGED)
        for key in ("segmentation_mask", "confidence_mask")
    )
    masks = golden.unpack_masks(golden.part(reference, "class_masks"))
    if classes.shape != masks.shape[1:]:
        return Errors(mismatch=f"a map of {classes.shape} instead of {masks.shape[1:]}")
    present = [i for i, mask in enumerate(masks) if mask.any()]
    if ours["present_class_ids"] != present:
        return Errors(mismatch=f"classes {ours['present_class_ids']} instead of {present}")
    shared = [
        float(np.count_nonzero((classes == i) & masks[i]) / np.count_nonzero((classes == i) | masks[i]))
        for i in present
    ]
    away = np.abs(golden.places(confidences) / 255 - reference["confidences"]).max() - 0.5 / 255
    return Errors(scores=max(0.0, float(away)), masks=min(shared))
