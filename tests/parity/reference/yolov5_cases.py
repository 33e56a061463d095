"""The original YOLOv5: boxes and masks, with objectness."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
import yaml
import yolov5
from yolov5.export import export_onnx
from yolov5.models.yolo import DetectionModel, SegmentationModel
from yolov5.utils.augmentations import letterbox
from yolov5.utils.general import non_max_suppression
from yolov5.utils.loss import ComputeLoss
from yolov5.utils.segment.loss import ComputeLoss as ComputeMaskLoss

from tests.parity import golden, pictures
from tests.parity.drawing import LABELS
from tests.parity.reference import anchored, record, scenes
from tests.parity.reference.fit import cached, fit

# The package's defaults, but for a box gain that suits few steps.
HYPER = {"box": 0.1, "cls": 0.5, "cls_pw": 1.0, "obj": 1.0, "obj_pw": 1.0, "anchor_t": 4.0, "fl_gamma": 0.0}
STEPS = 350
MASKS = 32


def run(cache: Path, only: str) -> Iterator[str]:
    """Train what is not in the cache, export, record. Yields the names of the cases written."""
    for case, segments in (("yolov5", False), ("yolov5-dynamic", False), ("yolov5-seg", True)):
        if only not in (case, "all"):
            continue
        model = build(segments)
        weights = cache / ("yolov5-seg.pt" if segments else "yolov5.pt")
        cached(model, weights, partial(train, model, segments))
        record_case(case, model, cache)
        yield case


def build(segments: bool) -> Any:
    """The smallest layout of the package with half its channels and three classes."""
    name = "segment/yolov5n-seg.yaml" if segments else "yolov5n.yaml"
    layout = yaml.safe_load((Path(yolov5.__file__).parent / "models" / name).read_text())
    torch.manual_seed(0)
    kind = SegmentationModel if segments else DetectionModel
    model = kind({**layout, "width_multiple": 0.125}, ch=3, nc=len(LABELS))
    model.names = dict(enumerate(LABELS))
    model.hyp = HYPER
    return model


def train(model: Any, segments: bool) -> None:
    stream = scenes.batches(scenes.pool(600, anchored.SIZE), anchored.BATCH, seed=0)
    criterion = ComputeMaskLoss(model, overlap=True) if segments else ComputeLoss(model)

    def loss(step: int) -> torch.Tensor:
        del step
        batch = next(stream)
        truth = [anchored.targets(batch)]
        if segments:
            truth.append(scenes.numbered_masks(batch, anchored.SIZE // 4))
        return criterion(model(scenes.pixels(batch)), *truth)[0].sum()

    fit(model, STEPS, 4e-3, loss)


def record_case(case: str, model: Any, cache: Path) -> None:
    graph = record.Graph(export(case, model, cache))
    segments = isinstance(model, SegmentationModel)
    manifest = {**anchored.MANIFEST, "task": "instance-segmentation" if segments else "object-detection"}
    settings = record.SEGMENTATION if segments else record.DETECTION
    reference = "yolov5 7.0.14: letterbox, DetectionModel, non_max_suppression; ultralytics 8.4.190: scale_boxes"
    if segments:
        reference = reference.replace("DetectionModel", "SegmentationModel") + ", crop_mask"
    recorder = record.recorder(case, reference, graph, manifest, settings)
    suppress = partial(non_max_suppression, nm=MASKS if segments else 0)
    for picture in pictures.NAMES:
        image, tensor = anchored.load(picture, letterbox)
        with torch.no_grad():
            outputs = model(torch.from_numpy(tensor)[None])
        protos = outputs[1][0] if segments else None
        found = anchored.answers(outputs[0], image.shape, suppress, settings, protos)
        raw = graph.run(tensor)
        stored = [golden.cells(raw[0], 1, anchored.strong(raw[0], settings), 0)]
        if segments:
            stored.append(golden.span(raw[1], anchored.coefficients(raw[0], suppress, settings)))
        recorder.add(picture, tensor, stored, found)
    recorder.save()


def export(case: str, model: Any, cache: Path) -> Path:
    """Export with the package's own function, by way of torch's exporter that it was written for."""
    head = model.model[-1]
    head.export, head.dynamic = True, case.endswith("dynamic")
    image = torch.zeros(1, 3, anchored.SIZE, anchored.SIZE)
    original = torch.onnx.export
    torch.onnx.export = partial(original, dynamo=False)
    try:
        model(image)
        path, _ = export_onnx(model, image, cache / f"{case}.pt", 17, head.dynamic, False)
    finally:
        torch.onnx.export = original
        head.export = head.dynamic = False
    return Path(path)
