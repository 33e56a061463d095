"""Raw outputs of every family at the size of its released nets, as if fifty objects were on the picture.

Each object is found by ten neighbouring anchors, as real nets find it. The numbers are drawn, not computed by a
network: around the network only their amount matters.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

SIZE, OBJECTS, COPIES, CLASSES = 640, 50, 10, 80
RNG = np.random.default_rng(0)
Outputs = dict[str, np.ndarray]


@dataclass
class Case:
    """Outputs [...] without the batch, fields of model.json, classes if not 80, the family if named otherwise."""

    outputs: Outputs
    fields: dict[str, Any] = field(default_factory=dict)
    classes: int = CLASSES
    family: str = ""


def found(anchors: int, copies: int = COPIES) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Objects as anchors see them: which anchors, centre boxes [n, 4] in pixels, classes and scores [n]."""
    n = OBJECTS * copies
    centres = RNG.uniform(60, SIZE - 60, (OBJECTS, 2))
    sizes = RNG.uniform(20, 200, (OBJECTS, 2))
    boxes = np.concatenate([centres, sizes], axis=1).repeat(copies, axis=0) + RNG.normal(0, 2, (n, 4))
    classes = RNG.integers(0, CLASSES, OBJECTS).repeat(copies)
    return RNG.choice(anchors, n, replace=False), boxes, classes, RNG.uniform(0.45, 0.95, n)


def corners(boxes: np.ndarray) -> np.ndarray:
    return np.concatenate([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], axis=1)


def dense(anchors: int, classes: int, extras: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centre boxes [anchors, 4], faint scores with the objects' among them [anchors, classes], extras."""
    where, boxes, ids, scores = found(anchors)
    all_boxes = RNG.uniform(10, 600, (anchors, 4))
    all_boxes[where] = boxes
    all_scores = RNG.uniform(0, 0.05, (anchors, classes))
    all_scores[where, ids % classes] = scores
    return all_boxes, all_scores, RNG.normal(size=(anchors, extras))


def prototypes() -> np.ndarray:
    """[32, 160, 160], smooth."""
    coarse = RNG.normal(size=(32, 12, 12)).astype(np.float32)
    return np.stack([cv2.resize(plane, (160, 160), interpolation=cv2.INTER_CUBIC) for plane in coarse])


def channels(extras: int = 0, classes: int = CLASSES) -> np.ndarray:
    return np.concatenate(dense(8400, classes, extras), axis=1).T.copy()


def finals(extras: int = 0) -> np.ndarray:
    rows = np.zeros((300, 6 + extras))
    _, boxes, ids, scores = found(300, 1)
    rows[:OBJECTS] = np.concatenate(
        [corners(boxes), scores[:, None], ids[:, None], RNG.normal(size=(OBJECTS, extras))], axis=1
    )
    return rows


def objectness(extras: int = 0) -> np.ndarray:
    boxes, scores, more = dense(25200, CLASSES, extras)
    return np.concatenate([boxes, scores.max(axis=1, keepdims=True), scores / scores.max(), more], axis=1)


def queries() -> Outputs:
    _, boxes, ids, scores = found(300, 1)
    dets, labels = RNG.uniform(0.1, 0.5, (300, 4)), np.full((300, CLASSES + 1), -7.0)
    dets[:OBJECTS] = boxes / SIZE
    labels[np.arange(OBJECTS), ids] = np.log(scores / (1 - scores))
    return {"dets": dets, "labels": labels}


def rfdetr_seg() -> Case:
    """Masks are bumps where the boxes are."""
    outputs = queries()
    x, y, w, h = outputs["dets"].T[:, :, None, None]
    across, down = np.meshgrid(*[(np.arange(108) + 0.5) / 108] * 2)
    masks = 6 - 12 * (((across - x) / w) ** 2 + ((down - y) / h) ** 2) * 2
    return Case({**outputs, "masks": masks}, {"input": {"resize": "stretch"}})


def yolov7_seg() -> Case:
    """YOLOv5-seg's layout with the raw maps beside it, as the branch's export leaves them."""
    maps = {f"map{i}": np.zeros((3, side, side, 85 + 32)) for i, side in enumerate((80, 40, 20))}
    outputs = {"output": objectness(32), **maps, "prototypes": prototypes()}
    return Case(outputs, family="yolov5-seg")


def rfdetr_pose() -> Case:
    outputs = queries()
    outputs["labels"] = np.stack([outputs["labels"].max(axis=1), np.full(300, -7.0)], axis=1)
    outputs["keypoints"] = RNG.uniform(0, 1, (300, 17, 8))
    return Case(outputs, {"keypoints": POINTS, "input": {"resize": "stretch"}}, classes=1)


def yolact() -> Case:
    boxes, scores, weights = dense(19248, CLASSES, 32)
    classes = np.concatenate([1 - scores.max(axis=1, keepdims=True), scores], axis=1)
    outputs = {"loc": np.zeros((19248, 4)), "conf": classes, "mask": weights, "priors": boxes / SIZE}
    return Case({**outputs, "proto": prototypes().transpose(1, 2, 0).copy()}, {"input": {"resize": "stretch"}})


def semantic() -> Case:
    logits = np.stack([cv2.resize(RNG.normal(size=(8, 8)) * 3, (80, 80)) for _ in range(21)])
    return Case({"output": logits}, classes=21)


def yolo_nas() -> Case:
    boxes, scores, _ = dense(8400, CLASSES, 0)
    return Case({"boxes": corners(boxes), "scores": scores})


POINTS = [f"point_{i}" for i in range(17)]
CASES: dict[str, Callable[[], Case]] = {
    "classification": lambda: Case({"logits": RNG.normal(size=1000)}, classes=1000),
    "yolov8": lambda: Case({"output0": channels()}),
    "yolov8-seg": lambda: Case({"output0": channels(32), "output1": prototypes()}),
    "yolov8-pose": lambda: Case({"output0": channels(51, 1)}, {"keypoints": POINTS}, classes=1),
    "yolov10": lambda: Case({"output0": finals()}),
    "yolov10-seg": lambda: Case({"output0": finals(32), "output1": prototypes()}),
    "yolov10-pose": lambda: Case({"output0": finals(51)}, {"keypoints": POINTS}),
    "yolov5": lambda: Case({"output0": objectness()}),
    "yolov5-seg": lambda: Case({"output0": objectness(32), "output1": prototypes()}),
    "yolov7-seg": yolov7_seg,
    "yolo-nas": yolo_nas,
    "rfdetr": lambda: Case(queries(), {"input": {"resize": "stretch"}}),
    "rfdetr-seg": rfdetr_seg,
    "rfdetr-pose": rfdetr_pose,
    "yolact": yolact,
    "semantic-segmentation": semantic,
}


# Families whose reference implementation is timed too, in ``reference.py``; each line in a process of its own, because
# checkouts have modules of the same names.
COMPARED = (
    ("yolov8", "yolov8-seg", "yolov8-pose", "yolov5", "yolov5-seg", "rfdetr", "rfdetr-seg"),
    ("semantic-segmentation", "yolo-nas"),
    ("yolact",),
    ("yolov7-seg",),
)


def make(family: str) -> Case:
    """The family's case, the same each time, in float32."""
    RNG.bit_generator.state = np.random.default_rng(0).bit_generator.state
    case = CASES[family]()
    case.outputs = {name: np.ascontiguousarray(value, np.float32) for name, value in case.outputs.items()}
    return case
