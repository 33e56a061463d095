"""YOLOv7-seg, of the branch u7 of its repository, which is on no package index: see ``clones.py``.

A small net of its own modules stands for the released one; its head with implicit knowledge is the released one's.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.parity import golden, pictures
from tests.parity.drawing import LABELS
from tests.parity.reference import anchored, clones, convert, record, scenes
from tests.parity.reference.fit import cached, fit

CASE, HALF = "yolov7-seg", "yolov7-seg-fp16"
CLONE = "yolov7-u7"
# The released net's anchors, in input pixels, the finest level first, brought from 640 to 160 pixels.
ANCHORS = [[3, 4, 5, 9, 10, 7], [9, 19, 19, 14, 18, 37], [36, 28, 48, 61, 115, 100]]
MASKS = 32
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
        [-1, 1, "nn.Upsample", [None, 2, "nearest"]],
        [[-1, 5], 1, "Concat", [1]],
        [-1, 1, "Conv", [64, 3, 1]],  # 10
        [-1, 1, "nn.Upsample", [None, 2, "nearest"]],
        [[-1, 3], 1, "Concat", [1]],
        [-1, 1, "Conv", [48, 3, 1]],  # 13
        [[13, 10, 7], 1, "ISegment", ["nc", "anchors", MASKS, 48]],
    ],
}
HYPER = {"box": 0.1, "cls": 0.5, "cls_pw": 1.0, "obj": 1.0, "obj_pw": 1.0, "anchor_t": 4.0, "fl_gamma": 0.0}
STEPS = 400


def run(cache: Path, only: str) -> Iterator[str]:
    """Train what is not in the cache, export, record. Yields the names of the cases written."""
    if only not in (CASE, HALF, "all") or clones.find(CLONE, "seg") is None:
        return
    torch.manual_seed(0)
    model = importlib.import_module("models.yolo").SegmentationModel(LAYOUT, ch=3)
    model.hyp = HYPER
    cached(model, cache / f"{CASE}.pt", partial(train, model))
    graph = export(model, cache)
    for case in (CASE, HALF):
        if only in (case, "all"):
            record_case(case, graph if case == CASE else convert.variant(cache, CASE, "fp16"))
            yield case


def train(model: Any) -> None:
    stream = scenes.batches(scenes.pool(600, anchored.SIZE), anchored.BATCH, seed=0)
    criterion = importlib.import_module("utils.segment.loss").ComputeLoss(model, overlap=True)

    def loss(step: int) -> torch.Tensor:
        del step
        batch = next(stream)
        masks = scenes.numbered_masks(batch, anchored.SIZE // 4)
        return criterion(model(scenes.pixels(batch)), anchored.targets(batch), masks)[0].sum()

    fit(model, STEPS, 4e-3, loss)


def record_case(case: str, path: Path) -> None:
    """The package's own preprocessing and suppression, around the exported graph; its outputs as float32."""
    graph = record.Graph(path)
    letterbox = importlib.import_module("utils.augmentations").letterbox
    suppress = partial(importlib.import_module("utils.general").non_max_suppression, nm=MASKS)
    reference = "WongKinYiu/yolov7, branch u7, seg: letterbox, SegmentationModel, non_max_suppression"
    manifest = {**anchored.MANIFEST, "task": "instance-segmentation"}
    recorder = record.recorder(
        case, f"{reference}; ultralytics 8.4.190: scale_boxes, crop_mask", graph, manifest, record.SEGMENTATION
    )
    for picture in pictures.NAMES:
        image, tensor = anchored.load(picture, letterbox)
        tensor = tensor.astype(graph.inputs[0]["dtype"])
        raw = graph.run(tensor)
        boxes, protos = (torch.from_numpy(raw[i].astype(np.float32)) for i in (0, -1))
        found = anchored.answers(boxes[None], image.shape, suppress, record.SEGMENTATION, protos)
        weights = anchored.coefficients(boxes.numpy(), suppress, record.SEGMENTATION)
        recorder.add(picture, tensor, [reduce(output, weights) for output in raw], found)
    recorder.save()


def reduce(output: np.ndarray, weights: np.ndarray) -> golden.Arrays:
    """Rows that may pass a threshold, the prototypes as far as their boxes see them, nothing of the raw maps."""
    if output.ndim == 2:
        return golden.cells(output, 1, anchored.strong(output, record.SEGMENTATION), 0)
    if output.ndim == 3:
        return golden.span(output, weights)
    return golden.cells(output, 3, np.zeros(output.shape[:3], np.bool_), -20)


def export(model: Any, cache: Path) -> Path:
    """With the raw maps beside boxes and prototypes, as the branch's export.py leaves them."""
    path = cache / f"{CASE}.onnx"
    image = torch.zeros(1, 3, anchored.SIZE, anchored.SIZE)
    model(image)
    names = ["output", "map0", "map1", "map2", "prototypes"]
    torch.onnx.export(
        model, (image,), str(path), opset_version=17, input_names=["images"], output_names=names, dynamo=False
    )
    return path
