"""Ultralytics: YOLOv5u, v8, v9, v10, 11, 12 and 26; boxes, masks, keypoints and classes."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ultralytics import YOLO, __version__
from ultralytics.utils.nms import non_max_suppression

from tests.parity import golden, pictures
from tests.parity.drawing import KEYPOINTS, LABELS
from tests.parity.reference import record, scenes, ultralytics_train
from tests.parity.reference.fit import cached

log = logging.getLogger(__name__)

SIZE = ultralytics_train.SIZE
TASKS = {"detect": "object-detection", "segment": "instance-segmentation", "pose": "keypoint-detection"}
INPUT = {"width": SIZE, "height": SIZE, "resize": "letterbox", "pad": 114, "channels": "rgb", "scale": 1 / 255}


@dataclass
class Net:
    """A net to train, and the ways in which it is exported: case name to the exporter's options."""

    config: str
    steps: int
    exports: dict[str, dict[str, Any]] = field(default_factory=dict)


NETS = {
    "v8": Net(
        "yolov8n.yaml",
        300,
        {
            "yolov8": {},
            "yolov8-dynamic": {"dynamic": True},
            "yolov8-batch4": {"batch": 4},
            "yolov8-nms": {"nms": True},
        },
    ),
    "v8-seg": Net("yolov8n-seg.yaml", 350, {"yolov8-seg": {"dynamic": True}}),
    "v8-pose": Net("yolov8n-pose.yaml", 450, {"yolov8-pose": {}}),
    "v5u": Net("yolov5n.yaml", 300, {"yolov5u": {}}),
    "v9": Net("yolov9t.yaml", 200, {"yolov9": {}}),
    "v10": Net("yolov10n.yaml", 350, {"yolov10-many": {}, "yolov10-one": {"nms": False}}),
    "11": Net("yolo11n.yaml", 300, {"yolo11": {}}),
    "12": Net("yolo12n.yaml", 250, {"yolo12": {}}),
    "26": Net("yolo26n.yaml", 350, {"yolo26-many": {}, "yolo26-one": {"nms": False}}),
    "11-seg": Net("yolo11n-seg.yaml", 350, {"yolo11-seg": {}}),
    "26-seg": Net("yolo26n-seg.yaml", 200, {"yolo26-seg-many": {}, "yolo26-seg-one": {"nms": False}}),
    "11-pose": Net("yolo11n-pose.yaml", 220, {"yolo11-pose": {}}),
    "26-pose": Net("yolo26n-pose.yaml", 220, {"yolo26-pose-many": {}, "yolo26-pose-one": {"nms": False}}),
}


def run(cache: Path, only: str) -> Iterator[str]:
    """Train what is not in the cache, export, record. Yields the names of the cases written."""
    for name, net in NETS.items():
        if only not in (name, "all") and only not in net.exports:
            continue
        torch.manual_seed(0)
        model = ultralytics_train.build(net.config)
        cached(model.model, cache / f"ultralytics-{name}.pt", partial(train, model, net.steps))
        for case, options in net.exports.items():
            record_case(case, model, options, cache)
            yield case


def train(model: YOLO, steps: int) -> None:
    """Train on the pool of drawings."""
    ultralytics_train.train(model, scenes.pool(600, SIZE), steps, seed=0)


def export(model: YOLO, case: str, options: dict[str, Any], cache: Path) -> Path:
    """Export to ONNX with the exporter's own code."""
    target = cache / f"{case}.onnx"
    model.ckpt_path = model.model.pt_path = str(cache / f"{case}.pt")
    wanted = {"batch": 1, **options}
    path = model.export(format="onnx", imgsz=SIZE, simplify=False, opset=17, device="cpu", verbose=False, **wanted)
    return Path(path).rename(target)


def record_case(case: str, model: YOLO, options: dict[str, Any], cache: Path) -> None:
    graph = record.Graph(export(model, case, options, cache))
    manifest = {"task": TASKS[model.task], "labels": list(LABELS), "input": INPUT}
    if model.task == "pose":
        manifest["keypoints"] = [f"point_{i}" for i in range(KEYPOINTS)]
    settings = record.SEGMENTATION if model.task == "segment" else record.DETECTION
    if options.get("nms") is False:  # there the net picks classes before it knows that they do not matter
        settings = [setting for setting in settings if "class_agnostic_nms" not in setting]
    if options.get("nms") is True:  # the thresholds are inside the graph
        settings = [{"confidence": 0.25, "iou_threshold": 0.7}]
    reference = f"ultralytics {__version__}: YOLO({NETS_OF[case]!r}).predict(rect=False, retina_masks=True)"
    recorder = record.recorder(case, reference, graph, manifest, settings)
    for picture in pictures.NAMES:
        tensor, answers = predict(model, picture, options, settings)
        outputs = graph.run(tensor)
        recorder.add(picture, tensor, reduce(outputs, model, options, settings), answers)
    recorder.save()


def predict(
    model: YOLO, picture: str, options: dict[str, Any], settings: list[dict[str, Any]]
) -> tuple[np.ndarray, list[golden.Arrays]]:
    """The reference's input tensor [3, S, S] and its answers, from the file on."""
    answers: list[golden.Arrays] = []
    seen: list[np.ndarray] = []
    for setting in settings:
        model.predictor = None
        predictor = model._smart_load("predictor")(
            overrides={
                "conf": setting["confidence"],
                "iou": setting["iou_threshold"],
                "agnostic_nms": setting.get("class_agnostic_nms", False),
                "imgsz": SIZE,
                "rect": False,
                "retina_masks": True,
                "nms": False if options.get("nms") is False else None,
                "device": "cpu",
                "verbose": False,
                "save": False,
                "mode": "predict",
            }
        )
        predictor.setup_model(model=model.model, verbose=False)
        original = predictor.preprocess

        def watched(images: Any, original: Any = original) -> torch.Tensor:
            tensor = original(images)
            seen.append(tensor[0].numpy().copy())
            return tensor

        predictor.preprocess = watched
        (result,) = predictor(record.path_of(picture))
        answers.append(answer(result, model.task))
    return seen[0], answers


def answer(result: Any, task: str) -> golden.Arrays:
    """A result as arrays, in source pixels."""
    boxes = result.boxes.data.numpy()
    values = {"boxes": boxes[:, :4], "scores": boxes[:, 4], "classes": boxes[:, 5].astype(np.int16)}
    if task == "segment":
        shape = (0, *result.orig_shape)
        masks = np.zeros(shape, np.uint8) if result.masks is None else result.masks.data.numpy()
        golden.put(values, "masks", golden.pack_masks(masks))
    if task == "pose":
        values["keypoints"] = result.keypoints.data.numpy().astype(np.float32)
    return values


def reduce(
    outputs: list[np.ndarray], model: YOLO, options: dict[str, Any], settings: list[dict[str, Any]]
) -> list[golden.Arrays]:
    """The graph's outputs as they are stored."""
    first = outputs[0]
    final = "nms" in options  # rows are boxes already: corners, score, class, ...
    scores = first[:, 4] if final else first[4 : 4 + len(LABELS)].max(0)
    stored = [golden.cells(first, 1 if final else 0, scores >= record.faintest(settings), 0)]
    if model.task == "segment":
        kept = [suppress(first, setting, end2end=final) for setting in settings]
        stored.append(golden.span(outputs[1], np.unique(np.concatenate(kept), axis=0)))
    return stored


def suppress(output: np.ndarray, setting: dict[str, Any], *, end2end: bool) -> np.ndarray:
    """Mask coefficients [n, 32] of the boxes that a setting keeps."""
    (kept,) = non_max_suppression(
        torch.from_numpy(output[None]).float(),
        setting["confidence"],
        setting["iou_threshold"],
        agnostic=setting.get("class_agnostic_nms", False),
        nc=len(LABELS),
        end2end=end2end,
    )
    return kept[:, 6:].numpy()


NETS_OF = {case: net.config for net in NETS.values() for case in net.exports}
