"""Roboflow's former overlap against its own code: the package inference 1.5.0, of which one file is read and no more.

Takes the recordings of YOLOv5 and YOLOv8 as they are, and answers their raw outputs in that server's way: candidates by
what stands in the fifth column, which for YOLOv8 it fills with the best class's score, and its own suppression.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import torch
from ultralytics.utils import ops

from tests.parity import golden
from tests.parity.reference import record
from tests.parity.reference.anchored import SIZE

BASES = {"yolov8-legacy": "yolov8", "yolov5-legacy": "yolov5"}
SETTINGS = [
    {"confidence": 0.4, "iou_threshold": 0.3, "nms_mode": "legacy"},  # that server's defaults
    {"confidence": 0.05, "iou_threshold": 0.5, "nms_mode": "legacy"},
    {"confidence": 0.1, "iou_threshold": 0.7, "nms_mode": "legacy", "class_agnostic_nms": True},
]


def run(cache: Path, only: str) -> Iterator[str]:
    """Record. Yields the names of the cases written."""
    del cache
    suppression = _module()
    for case, base in BASES.items():
        if only in (case, "all"):
            record_case(case, base, suppression)
            yield case


def _module() -> ModuleType:
    """The file with its suppression, without the package around it, which wants much more installed."""
    found = importlib.util.find_spec("inference")
    if found is None or not found.submodule_search_locations:
        raise RuntimeError("the package inference is not installed")
    path = Path(found.submodule_search_locations[0], "core", "nms.py")
    spec = importlib.util.spec_from_file_location("roboflow_nms", path)
    if spec is None or spec.loader is None:
        raise RuntimeError(f"cannot load {path}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def record_case(case: str, base: str, suppression: ModuleType) -> None:
    """A recording with the same pictures, inputs and outputs, and that server's answers."""
    described, arrays = golden.load(base)
    reference = "inference 1.5.0: w_np_non_max_suppression; ultralytics 8.4.190: scale_boxes"
    case_of = replace(described, name=case, reference=reference, settings=SETTINGS, pictures=[], scale={})
    recorder = record.Recorder(case_of)
    for picture in described.pictures:
        stored = golden.part(arrays, f"{picture}/output0")
        rows = golden.restore(stored)
        if base == "yolov8":  # [4 + classes, anchors] to rows with the best score in the fifth column
            rows = np.concatenate([rows[:4], rows[4:].max(0, keepdims=True), rows[4:]]).T
        answers = [answer(rows, picture, setting, suppression) for setting in SETTINGS]
        recorder.add_sampled(picture, arrays[f"{picture}/input"], [stored], answers)
    recorder.save()


def answer(rows: np.ndarray, picture: str, setting: dict[str, Any], suppression: ModuleType) -> golden.Arrays:
    """Boxes in source pixels from rows [anchors, 5 + classes]."""
    (found,) = suppression.w_np_non_max_suppression(
        rows[None].astype(np.float32).copy(),
        conf_thresh=setting["confidence"],
        iou_thresh=setting["iou_threshold"],
        class_agnostic=setting.get("class_agnostic_nms", False),
    )
    kept = np.array(found, np.float32).reshape(-1, 7)
    shape = cv2.imread(record.path_of(picture)).shape
    boxes = ops.scale_boxes((SIZE, SIZE), torch.from_numpy(kept[:, :4].copy()), shape)
    return {"boxes": boxes.numpy(), "scores": kept[:, 4], "classes": kept[:, 6].astype(np.int16)}
