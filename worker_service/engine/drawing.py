"""Results drawn on pictures, in place. Only visualise.py imports this, when the first is wanted: see shared/drawing."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt
import supervision as sv
from supervision.detection.compact_mask import CompactMask

from shared.drawing import pen, text
from worker_service.engine.gaze_results import Gazes
from worker_service.engine.keypoint_results import Poses
from worker_service.engine.mask_results import ClassMap, Instances
from worker_service.engine.results import Detections
from worker_service.engine.vision.rle import column_runs, run_lengths

Image = npt.NDArray[np.uint8]

ARROW = (0, 0, 255)

depth = pen.depth
banner = text.banner


def boxes(canvas: Image, result: Detections, stroke: int, *, labels: bool) -> None:
    """A rectangle for each box, the best on top, with class and confidence when ``labels``."""
    if not len(result.boxes):
        return
    found = detections(result)
    pen.boxes(canvas, found, stroke)
    if labels:
        best_last = list(zip(result.class_ids[::-1].tolist(), result.scores[::-1].tolist(), strict=True))
        texts = [caption(result.labels[class_id], score) for class_id, score in best_last]
        text.labels(canvas, [(x, y) for x, y, *_ in found.xyxy.tolist()], texts, [row[0] for row in best_last])


def masks(canvas: Image, result: Instances) -> None:
    """Each mask tinted in the colour of its class."""
    if not len(result.boxes):
        return
    cells = [result.drawn(i) for i in reversed(range(len(result.shapes)))]
    filled = [(mask, left, top) if mask.size else (np.zeros((1, 1), np.uint8), 0, 0) for mask, left, top in cells]
    found = detections(result)
    found.mask = CompactMask(
        [run_lengths(column_runs(mask), (mask.shape[0], mask.shape[1])).astype(np.int32) for mask, _, _ in filled],
        np.array([mask.shape for mask, _, _ in filled], np.int32),
        np.array([(left, top) for _, left, top in filled], np.int32),
        (canvas.shape[0], canvas.shape[1]),
    )
    pen.masks(canvas, found)


def skeletons(canvas: Image, result: Poses, stroke: int) -> None:
    """The bones and the points that are sure enough, in the colour of the class."""
    sure = result.keypoints[..., 2]
    seen = (sure > 0) & (sure >= result.keypoint_confidence)
    for i in reversed(range(len(result.boxes))):
        points, class_id = result.keypoints[i, :, :2], int(result.class_ids[i])
        pen.bones(canvas, points, seen[i], result.skeleton, class_id, stroke)
        pen.dots(canvas, points, seen[i], class_id, stroke)


def looks(canvas: Image, result: Gazes, stroke: int) -> None:
    """An arrow from the middle of each face, as long as the face is wide when it looks along the picture."""
    for (x0, y0, x1, y1), (yaw, pitch) in zip(result.boxes.tolist(), result.angles.tolist(), strict=True):
        x, y, length = (x0 + x1) / 2, (y0 + y1) / 2, x1 - x0
        tip = round(x - length * np.sin(yaw) * np.cos(pitch)), round(y - length * np.sin(pitch))
        cv2.arrowedLine(canvas, (round(x), round(y)), tip, ARROW, stroke, cv2.LINE_AA, tipLength=0.2)


def class_map(canvas: Image, result: ClassMap, background: int | None) -> None:
    """Every pixel but the background's tinted in the colour of its class."""
    pen.class_map(canvas, result.class_ids, len(result.labels), background)


def tinted(canvas: Image, layers: Sequence[Image]) -> None:
    """Each mask [height, width] in a colour of its own, the first ones'."""
    ids = np.zeros(canvas.shape[:2], np.uint8)
    for number, layer in enumerate(layers):
        ids[layer > 0] = 1 + number % 254
    pen.class_map(canvas, ids, min(len(layers), 254) + 1, 0)


def detections(result: Detections) -> sv.Detections:
    """Boxes as supervision has them, the best last, so that it is drawn over the others."""
    return sv.Detections(
        xyxy=result.boxes[::-1].astype(np.float32),
        confidence=result.scores[::-1].astype(np.float32),
        class_id=result.class_ids[::-1].astype(int),
    )


def caption(label: str, score: float) -> str:
    """What is written at a box."""
    return f"{text.shorten(label)} {score:.2f}"
