"""Runs inside .venv-parity: small nets of the other packages, each by its own way to ONNX, with random weights.

``python -m tests.exports.others FOLDER PACKAGE``: one package at a time: each brings what the others do not bear.
What is there already is kept.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from tests.parity.reference import torchvision_ops  # noqa: F401 - before anything that imports torchvision


def classifiers(folder: Path) -> None:
    """torchvision, timm and Hugging Face."""
    cases = importlib.import_module("tests.parity.reference.classifiers_cases")
    for case in ("classify-torchvision-resnet18", "classify-timm-resnet34", "classify-hf-resnet50", "classify-hf-vit"):
        net = cases.nets()[case]
        cases.export(case, net, net.build().eval(), folder)


def rfdetr(folder: Path) -> None:
    """RF-DETR, boxes and masks."""
    cases = importlib.import_module("tests.parity.reference.rfdetr_cases")
    for case in ("rfdetr", "rfdetr-seg"):
        cases.export(case, cases.build(case), folder)


def yolov5(folder: Path) -> None:
    """The original YOLOv5."""
    cases = importlib.import_module("tests.parity.reference.yolov5_cases")
    for case, segments in (("yolov5-original", False), ("yolov5-original-seg", True)):
        cases.export(case, cases.build(segments).eval(), folder)


def yolonas(folder: Path) -> None:
    """YOLO-NAS, raw and with what its exporter puts around it."""
    cases = importlib.import_module("tests.parity.reference.yolonas_cases")
    net = cases.build().eval()
    for case in cases.FORMS:
        cases.export(case, net, folder)


PACKAGES: dict[str, Callable[[Path], None]] = {
    "classifiers": classifiers,
    "rfdetr": rfdetr,
    "yolov5": yolov5,
    "yolonas": yolonas,
}


if __name__ == "__main__":
    torch.manual_seed(0)
    PACKAGES[sys.argv[2]](Path(sys.argv[1]).resolve())
