"""A small graph for each family, with two objects that every one of them finds: an "a" and a "b", never a "c".

``expected`` says where: corners in a 64 x 64 picture that is the network's input as it is.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto

from tests.parity import foundation as nets
from tests.unit.engine import graphs

SIZE = graphs.SIZE
BOXES = np.array([[10, 20, 30, 44], [36, 8, 60, 24]], np.float32)
SCORES = np.array([0.9, 0.8], np.float32)
NAMES = {"names": "{0: 'a', 1: 'b', 2: 'c'}"}
POINTS = ("head", "tail")


@dataclass
class Example:
    """Outputs without the batch axis, metadata, fields of model.json, and options of ``graphs.answers``."""

    outputs: dict[str, np.ndarray[Any, Any]]
    meta: dict[str, str] = field(default_factory=dict)
    fields: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    numbered: bool = False  # one list for the whole batch
    draws: bool = False  # answers a map of each picture
    reads: bool = False  # texts, too
    net: str = ""  # a kept net of several graphs, which only its model.json explains


def centres() -> np.ndarray[Any, Any]:
    """[2, 4] centre and size."""
    return np.concatenate([(BOXES[:, :2] + BOXES[:, 2:]) / 2, BOXES[:, 2:] - BOXES[:, :2]], axis=1)


def ultralytics(task: str, **more: str) -> dict[str, str]:
    return {**NAMES, "task": task, "stride": "32", "imgsz": f"[{SIZE}, {SIZE}]", **more}


def prototypes() -> np.ndarray[Any, Any]:
    """[32, 16, 16]: the first shows the left half of the input, the second the right half, the third all."""
    planes = np.zeros((32, 16, 16), np.float32)
    planes[0], planes[0, :, :8] = -1, 1
    planes[1], planes[1, :, 8:] = -1, 1
    planes[2] = 1
    return planes


def coefficients() -> np.ndarray[Any, Any]:
    """[2, 32]: the "a" is in the left half, the "b" in the right half."""
    return np.eye(2, 32, dtype=np.float32)


def keypoints() -> np.ndarray[Any, Any]:
    """[2, 6]: each box's upper left corner, sure, and its lower right one, not so sure."""
    sure = np.full((2, 1), 0.9, np.float32), np.full((2, 1), 0.3, np.float32)
    return np.concatenate([BOXES[:, :2], sure[0], BOXES[:, 2:], sure[1]], axis=1)


def channels(extra: np.ndarray[Any, Any] | None = None) -> np.ndarray[Any, Any]:
    """YOLOv8's rows [7 + k, 84]."""
    classes = np.diag([*SCORES, 0])[:2].astype(np.float32)
    rows = np.concatenate([centres(), classes] + ([] if extra is None else [extra]), axis=1)
    return np.concatenate([rows, np.zeros((82, rows.shape[1]), np.float32)]).T.copy()


def finals(extra: np.ndarray[Any, Any] | None = None) -> np.ndarray[Any, Any]:
    """[10, 6 + k] in no order."""
    rows = np.concatenate([BOXES, SCORES[:, None], [[0], [1]]] + ([] if extra is None else [extra]), axis=1)
    return np.concatenate([np.zeros((8, rows.shape[1])), rows[::-1]]).astype(np.float32)


def yolov8() -> Example:
    return Example({"output0": channels()}, ultralytics("detect"))


def yolov8_seg() -> Example:
    return Example({"output0": channels(coefficients()), "output1": prototypes()}, ultralytics("segment"))


def yolov8_pose() -> Example:
    meta = ultralytics("pose", kpt_shape="[2, 3]")
    return Example({"output0": channels(keypoints())}, meta, {"keypoints": POINTS, "skeleton": [[0, 1]]})


def yolov10() -> Example:
    return Example({"output0": finals()}, ultralytics("detect", end2end="True"))


def yolov10_seg() -> Example:
    meta = ultralytics("segment", end2end="True")
    return Example({"output0": finals(coefficients()), "output1": prototypes()}, meta)


def yolov10_pose() -> Example:
    meta = ultralytics("pose", args="{'nms': True}", kpt_shape="[2, 3]")
    return Example({"output0": finals(keypoints())}, meta, {"keypoints": POINTS, "skeleton": [[0, 1]]})


def classification() -> Example:
    return Example({"output0": np.array([2.0, 1.0, 0.0], np.float32)}, ultralytics("classify"))


def objectness(extra: np.ndarray[Any, Any] | None = None) -> np.ndarray[Any, Any]:
    """YOLOv5's rows [252, 8 + k]: scores are the product of 0.95 and a class score."""
    classes = np.diag([*(SCORES / np.float32(0.95)), 0])[:2]
    sure = np.full((2, 1), 0.95)
    rows = np.concatenate([centres(), sure, classes] + ([] if extra is None else [extra]), axis=1).astype(np.float32)
    return np.concatenate([np.zeros((250, rows.shape[1]), np.float32), rows])


def yolov5() -> Example:
    return Example({"output0": objectness()}, {**NAMES, "stride": "32"})


def yolov5_seg() -> Example:
    planes = prototypes() * 20  # sure enough to be as certain after the sigmoid as before
    return Example({"output0": objectness(coefficients()), "output1": planes}, {**NAMES, "stride": "32"})


def yolov7_end2end() -> Example:
    rows = np.concatenate([BOXES, [[0], [1]], SCORES[:, None]], axis=1).astype(np.float32)
    return Example({"output": rows[::-1].copy()}, NAMES, numbered=True)


def logit(value: Any) -> Any:
    return np.log(value / (1 - np.asarray(value)))


def queries(slots: int = 4) -> dict[str, np.ndarray[Any, Any]]:
    """RF-DETR's dets [6, 4] and labels [6, slots]; the background of the first query is surer than any object."""
    logits = np.full((6, slots), -9, np.float32)
    logits[4, 0], logits[2, 1], logits[0, 3] = *logit(SCORES), 6
    boxes = np.full((6, 4), 0.5, np.float32)
    boxes[[4, 2]] = centres() / SIZE
    return {"dets": boxes, "labels": logits}


STRETCH = {"width": SIZE, "height": SIZE, "resize": "stretch", "precision": "float32"}


def rfdetr() -> Example:
    return Example(queries(), fields={"input": STRETCH})


def rfdetr_seg() -> Example:
    masks = np.full((6, 16, 16), -1, np.float32)
    masks[4, 5:11, 2:8] = masks[2, 2:6, 9:15] = 1
    # The grid's cells end where the boxes do, but interpolation rounds their corners: four cells to a pixel do not.
    fine = np.repeat(np.repeat(masks, 4, axis=1), 4, axis=2)
    for query, (x0, y0, x1, y1) in zip((4, 2), BOXES.astype(int).tolist(), strict=True):
        fine[query] = -1
        fine[query, y0:y1, x0:x1] = 1
    return Example({**queries(), "masks": fine}, fields={"input": STRETCH})


def rfdetr_pose() -> Example:
    """Points without numbers for their exactness: they leave the scores alone."""
    points = np.zeros((6, 6, 3), np.float32)  # three classes of two points
    for class_id, query in enumerate((4, 2)):
        corners = BOXES[class_id].reshape(2, 2) / SIZE
        points[query, 2 * class_id : 2 * class_id + 2] = np.concatenate([corners, logit([[0.9], [0.3]])], axis=1)
    return Example({**queries(), "keypoints": points}, fields={"input": STRETCH, "keypoints": POINTS})


def yolo_nas() -> Example:
    boxes, scores = np.zeros((84, 4), np.float32), np.zeros((84, 3), np.float32)
    boxes[[50, 7]] = BOXES
    scores[50, 0], scores[7, 1] = SCORES
    return Example({"graph2_boxes": boxes, "graph2_scores": scores})


def yolact() -> Example:
    """Three priors of 0.5 x 0.5 around the middle, moved to the boxes; the last one stays background."""
    priors = np.full((3, 4), 0.5, np.float32)
    wanted = centres() / SIZE
    offsets = np.zeros((3, 4), np.float32)
    offsets[:2, :2] = (wanted[:, :2] - 0.5) / 0.5 / 0.1
    offsets[:2, 2:] = np.log(wanted[:, 2:] / 0.5) / 0.2
    classes = np.array([[0.1, 0.9, 0, 0], [0.15, 0.05, 0.8, 0], [0.9, 0.1, 0, 0]], np.float32)
    weights = np.eye(3, 32, dtype=np.float32)
    planes = (prototypes() * 20).transpose(1, 2, 0).copy()
    outputs = {"loc": offsets, "conf": classes, "mask": weights, "all:priors": priors, "proto": planes}
    return Example(outputs, fields={"input": {"width": SIZE, "height": SIZE, "resize": "stretch"}})


def semantic_segmentation() -> Example:
    logits = np.full((3, 16, 16), -5, np.float32)
    logits[0], logits[1, :, :8], logits[2, :4] = 0, 4, 8
    return Example({"output": logits})


def depth_anything() -> Example:
    return Example({}, fields={"input": STRETCH, "labels": []}, draws=True)


def clip() -> Example:
    return Example({}, fields={"input": STRETCH, "labels": []}, reads=True)


def trocr() -> Example:
    return Example({}, net="trocr-merged")


def florence_2() -> Example:
    return Example({}, net="florence2")


def smolvlm() -> Example:
    return Example({}, net="smolvlm")


def paligemma() -> Example:
    return Example({}, net="paligemma")


def moondream2() -> Example:
    return Example({}, net="moondream2")


def yolo_world() -> Example:
    return Example({}, net="yolo-world")


def grounding_dino() -> Example:
    return Example({}, net="grounding-dino")


def owlv2() -> Example:
    return Example({}, net="owlv2")


def sam() -> Example:
    return Example({}, net="sam-meta")


def sam2() -> Example:
    return Example({}, net="sam2-hf")


def pp_ocr() -> Example:
    return Example({}, net="pp-ocr")


def doctr() -> Example:
    return Example({}, net="doctr")


def easy_ocr() -> Example:
    return Example({}, net="easyocr")


def yunet() -> Example:
    return Example({}, net="yunet")


def l2cs() -> Example:
    return Example({}, net="l2cs")


EXAMPLES: dict[str, Callable[[], Example]] = {
    "classification": classification,
    "yolov8": yolov8,
    "yolov8-seg": yolov8_seg,
    "yolov8-pose": yolov8_pose,
    "yolov5": yolov5,
    "yolov5-seg": yolov5_seg,
    "yolov7-end2end": yolov7_end2end,
    "rfdetr": rfdetr,
    "rfdetr-seg": rfdetr_seg,
    "rfdetr-pose": rfdetr_pose,
    "yolo-nas": yolo_nas,
    "yolact": yolact,
    "semantic-segmentation": semantic_segmentation,
    "depth-anything": depth_anything,
    "clip": clip,
    "trocr": trocr,
    "pp-ocr": pp_ocr,
    "doctr": doctr,
    "easy-ocr": easy_ocr,
    "yunet": yunet,
    "l2cs": l2cs,
    "florence-2": florence_2,
    "smolvlm": smolvlm,
    "paligemma": paligemma,
    "moondream2": moondream2,
    "yolo-world": yolo_world,
    "grounding-dino": grounding_dino,
    "owlv2": owlv2,
    "sam": sam,
    "sam2": sam2,
    "yolov10": yolov10,
    "yolov10-seg": yolov10_seg,
    "yolov10-pose": yolov10_pose,
}


def graph(path: Path, family: str, *, half: bool = False, **options: Any) -> Path:
    """Write the family's graph; ``half`` with half floats throughout."""
    example = EXAMPLES[family]()
    outputs = example.outputs
    if example.draws:
        options.setdefault("dtype", TensorProto.FLOAT16 if half else TensorProto.FLOAT)
        return graphs.brightness(path, "predicted_depth", **options)
    if example.reads:
        options.setdefault("dtype", TensorProto.FLOAT16 if half else TensorProto.FLOAT)
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(nets.FOLDER / "clip" / "tokenizer.json", path.parent / "tokenizer.json")
        return graphs.two_sides(path, **options)
    if half:
        outputs = {k: v.astype(np.float16) if v.dtype == np.float32 else v for k, v in outputs.items()}
        options.setdefault("dtype", TensorProto.FLOAT16)
    if example.numbered:
        options.pop("open_axes", None)
        return graphs.numbered(path, *outputs.values(), **{**example.options, **example.meta, **options})
    return graphs.answers(path, outputs, **{**example.options, **example.meta, **options})


def model(folder: Path, family: str, task: str, *, options: dict[str, Any] | None = None, **fields: Any) -> Path:
    """Write the family's graph and a model.json for it."""
    if net := EXAMPLES[family]().net:
        shutil.copytree(nets.FOLDER / net, folder)
        manifest = json.loads((folder / "model.json").read_bytes())
        (folder / "model.json").write_text(json.dumps({**manifest, "id": folder.name, "task": task, **fields}))
        return folder
    graph(folder / "weights.onnx", family, **(options or {}))
    return graphs.package(folder, task=task, family=family, **{**EXAMPLES[family]().fields, **fields})


def input_of(family: str) -> dict[str, Any]:
    """``input`` of the family's model.json."""
    stated: dict[str, Any] = EXAMPLES[family]().fields.get("input", {"width": SIZE, "height": SIZE})
    return stated


def fields_to_state(family: str) -> dict[str, Any]:
    """What no graph tells of itself, so that a person has to."""
    return {key: value for key, value in EXAMPLES[family]().fields.items() if key == "anchors"}
