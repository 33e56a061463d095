"""YOLOv8 in half precision and quantised: boxes, masks and keypoints.

Ultralytics runs the same graph, so that only what surrounds it differs.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ultralytics import YOLO, __version__

from tests.parity import pictures
from tests.parity.drawing import KEYPOINTS, LABELS
from tests.parity.reference import convert, record, ultralytics_cases

BASES = {"yolov8": "detect", "yolov8-seg": "segment", "yolov8-pose": "pose"}


def run(cache: Path, only: str) -> Iterator[str]:
    """Convert the cached graphs and record. Yields the names of the cases written."""
    for base, task in BASES.items():
        for kind in convert.KINDS:
            case = f"{base}-{kind}"
            if only in (case, "all"):
                record_case(case, convert.variant(cache, base, kind), task)
                yield case


def record_case(case: str, path: Path, task: str) -> None:
    graph = record.Graph(path)
    manifest: dict[str, Any] = {
        "task": ultralytics_cases.TASKS[task],
        "labels": list(LABELS),
        "input": ultralytics_cases.INPUT,
    }
    if task == "pose":
        manifest["keypoints"] = [f"point_{i}" for i in range(KEYPOINTS)]
    settings = record.SEGMENTATION if task == "segment" else record.DETECTION
    reference = f"ultralytics {__version__}: YOLO({path.name!r}).predict"
    recorder = record.recorder(case, reference, graph, manifest, settings)
    net = YOLO(str(path), task=task)
    for picture in pictures.NAMES:
        tensor, answers = predict(net, graph, picture, settings)
        recorder.add(picture, tensor, ultralytics_cases.reduce(graph.run(tensor), net, {}, settings), answers)
    recorder.save()


def predict(
    net: YOLO, graph: record.Graph, picture: str, settings: list[dict[str, Any]]
) -> tuple[np.ndarray, list[Any]]:
    """The reference's input tensor and its answers.

    Its session would run on all cores, and a quantised graph answers otherwise on two threads than on one: sums in
    another order move a value by its last bit, and so to the next of 256 steps. It gets the session that is recorded.

    It would go on in half precision after a half precision graph and move corners by up to a sixteenth of a pixel of
    the input, a pixel of a large picture. It gets the graph's output as float32 instead.
    """
    path = record.path_of(picture)
    quiet = {"device": "cpu", "verbose": False, "save": False, "retina_masks": True}
    quiet |= {"imgsz": ultralytics_cases.SIZE, "rect": False}  # else graphs of any size get only what is not border
    net.predict(path, **quiet)
    net.predictor.model.backend.session = graph.session
    seen: list[np.ndarray] = []
    original = net.predictor.preprocess

    def look(images: Any) -> torch.Tensor:
        tensor = original(images)
        seen.append(tensor[0].numpy().copy())
        return tensor

    finish = net.predictor.postprocess
    net.predictor.preprocess = look
    net.predictor.postprocess = lambda output, *rest, **named: finish(_single(output), *rest, **named)
    answers = []
    for setting in settings:
        agnostic = setting.get("class_agnostic_nms", False)
        options = {"conf": setting["confidence"], "iou": setting["iou_threshold"], "agnostic_nms": agnostic}
        (result,) = net.predict(path, **quiet, **options)
        answers.append(ultralytics_cases.answer(result, net.task))
    net.predictor.preprocess, net.predictor.postprocess = original, finish
    return seen[0], answers


def _single(output: Any) -> Any:
    """The backend's output, a tensor or a list of them, in float32."""
    return [item.float() for item in output] if isinstance(output, list | tuple) else output.float()
