"""YOLOv7: with the grid decoded in the graph, as raw maps, and with suppression inside.

The package has no layouts, so a small net of its own modules stands for one.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from yolov7.models.experimental import End2End
from yolov7.models.yolo import Model
from yolov7.utils.datasets import letterbox
from yolov7.utils.general import non_max_suppression
from yolov7.utils.loss import ComputeLoss

from tests.parity import golden, pictures
from tests.parity.drawing import LABELS
from tests.parity.reference import anchored, record, scenes
from tests.parity.reference.fit import cached, fit

# The anchors of YOLOv7-tiny, in input pixels, finest level first.
ANCHORS = [[10, 13, 16, 30, 33, 23], [30, 61, 62, 45, 59, 119], [116, 90, 156, 198, 373, 326]]
LAYOUT: dict[str, Any] = {
    "nc": len(LABELS),
    "depth_multiple": 1.0,
    "width_multiple": 1.0,
    "anchors": ANCHORS,
    "backbone": [
        [-1, 1, "Conv", [16, 3, 2]],
        [-1, 1, "Conv", [24, 3, 2]],
        [-1, 1, "Conv", [32, 3, 2]],  # 2: stride 8
        [-1, 1, "Conv", [32, 3, 1]],
        [-1, 1, "Conv", [64, 3, 2]],  # 4: stride 16
        [-1, 1, "Conv", [64, 3, 1]],
        [-1, 1, "Conv", [96, 3, 2]],  # 6: stride 32
        [-1, 1, "SPPCSPC", [96]],
    ],
    "head": [
        [-1, 1, "nn.Upsample", ["None", 2, "nearest"]],
        [[-1, 5], 1, "Concat", [1]],
        [-1, 1, "Conv", [64, 3, 1]],  # 10
        [-1, 1, "nn.Upsample", ["None", 2, "nearest"]],
        [[-1, 3], 1, "Concat", [1]],
        [-1, 1, "Conv", [48, 3, 1]],  # 13
        [[13, 10, 7], 1, "Detect", ["nc", "anchors"]],
    ],
}
HYPER = {"box": 0.1, "cls": 0.5, "cls_pw": 1.0, "obj": 1.0, "obj_pw": 1.0, "anchor_t": 4.0, "fl_gamma": 0.0}
STEPS = 350
INSIDE = {"confidence": 0.25, "iou_threshold": 0.45}  # thresholds of the graph that suppresses by itself


def run(cache: Path, only: str) -> Iterator[str]:
    """Train what is not in the cache, export, record. Yields the names of the cases written."""
    torch.manual_seed(0)
    model = Model(LAYOUT, ch=3)
    model.hyp, model.gr, model.names = HYPER, 1.0, list(LABELS)
    cached(model, cache / "yolov7.pt", partial(train, model))
    for case in ("yolov7-grid", "yolov7-maps", "yolov7-end2end"):
        if only in (case, "all"):
            record_case(case, model, cache)
            yield case


def train(model: Any) -> None:
    stream = scenes.batches(scenes.pool(600, anchored.SIZE), anchored.BATCH, seed=0)
    criterion = ComputeLoss(model)

    def loss(step: int) -> torch.Tensor:
        del step
        batch = next(stream)
        return criterion(model(scenes.pixels(batch)), anchored.targets(batch))[0].sum()

    fit(model, STEPS, 4e-3, loss)


def record_case(case: str, model: Any, cache: Path) -> None:
    graph = record.Graph(export(case, model, cache))
    manifest = dict(anchored.MANIFEST)
    if case == "yolov7-maps":
        pairs = [[list(pair) for pair in zip(level[::2], level[1::2], strict=True)] for level in ANCHORS]
        manifest["anchors"] = pairs
    settings = [INSIDE] if case == "yolov7-end2end" else record.DETECTION
    reference = "yolov7detect 1.0.1: letterbox, Model, non_max_suppression; ultralytics 8.4.190: scale_boxes"
    recorder = record.recorder(case, reference, graph, manifest, settings)
    for picture in pictures.NAMES:
        image, tensor = anchored.load(picture, letterbox)
        with torch.no_grad():
            prediction = model(torch.from_numpy(tensor)[None])[0]
        found = anchored.answers(prediction, image.shape, non_max_suppression, settings)
        recorder.add(picture, tensor, reduce(graph.run(tensor), settings), found)
    recorder.save()


def reduce(outputs: list[np.ndarray], settings: list[dict[str, Any]]) -> list[golden.Arrays]:
    """Rows that may pass a threshold, of whatever outputs the graph has."""
    stored = []
    for output in outputs:
        if output.ndim == 2 and output.shape[1] == 7:
            stored.append(golden.dense(output))
        elif output.ndim == 2:
            stored.append(golden.cells(output, 1, anchored.strong(output, settings), 0))
        else:
            likely = 1 / (1 + np.exp(-output[..., 4])) >= record.faintest(settings)
            stored.append(golden.cells(output, 3, likely, -20))
    return stored


def export(case: str, model: Any, cache: Path) -> Path:
    """As the package's export.py does it: ``--grid``, nothing, or ``--grid --end2end --max-wh 640``."""
    path = cache / f"{case}.onnx"
    head = model.model[-1]
    image = torch.zeros(1, 3, anchored.SIZE, anchored.SIZE)
    wrapped = model
    names = ["output"]
    if case == "yolov7-end2end":
        wrapped = End2End(model, 100, INSIDE["iou_threshold"], INSIDE["confidence"], 640, None, len(LABELS))
    elif case == "yolov7-maps":
        head.export = True
        names = ["output", "map1", "map2"]
    torch.onnx.export(
        wrapped, (image,), str(path), opset_version=17, input_names=["images"], output_names=names, dynamo=False
    )
    head.export = head.end2end = False
    model.eval()
    return path
