"""Runs inside .venv-parity: writes one ONNX export per kind of model with the packages' own exporters, from seeded weights.

The argument is a folder; what is there already is kept. Weights are random: only what the graphs look like counts.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

NAMES = ["circle", "square", "star"]
ULTRALYTICS = {
    "yolov8n": "yolov8n.yaml",
    "yolov8n-seg": "yolov8n-seg.yaml",
    "yolov8n-pose": "yolov8n-pose.yaml",
    "yolov8n-cls": "yolov8n-cls.yaml",
    "yolov5n": "yolov5n.yaml",
    "yolov9t": "yolov9t.yaml",
    "yolov10n": "yolov10n.yaml",
    "yolo11n": "yolo11n.yaml",
    "yolo12n": "yolo12n.yaml",
    "yolo26n": "yolo26n.yaml",
}


def ultralytics(kind: str, **options: Any) -> Callable[[Path], None]:
    def make(target: Path) -> None:
        from ultralytics import YOLO

        model = YOLO(ULTRALYTICS[kind])
        named = dict(enumerate([f"{name}" for name in NAMES] + [f"class{i}" for i in range(3, len(model.names))]))
        model.model.names = named
        made = model.export(format="onnx", imgsz=320, opset=17, simplify=False, **options)
        shutil.move(made, target)

    return make


def torchvision(name: str) -> Callable[[Path], None]:
    def make(target: Path) -> None:
        import torchvision

        model = torchvision.models.get_model(name, weights=None, num_classes=len(NAMES)).eval()
        export(model, target, 224)

    return make


def timm(name: str) -> Callable[[Path], None]:
    def make(target: Path) -> None:
        import timm

        export(timm.create_model(name, pretrained=False, num_classes=len(NAMES)).eval(), target, 224)

    return make


def yolo_nas(target: Path) -> None:
    from super_gradients.training import models

    models.get("yolo_nas_s", num_classes=len(NAMES)).export(str(target), input_image_shape=(320, 320))


def rfdetr(target: Path) -> None:
    from tests.parity.reference import rfdetr_cases

    raise NotImplementedError(rfdetr_cases)


def export(model: torch.nn.Module, target: Path, size: int) -> None:
    """As the documentation of torchvision and timm shows it."""
    names: dict[str, Any] = {"input_names": ["input"], "output_names": ["output"], "dynamo": False}
    torch.onnx.export(model, torch.zeros(1, 3, size, size), target, dynamic_axes={"input": {0: "batch"}}, **names)


CASES: dict[str, Callable[[Path], None]] = {
    **{f"ultralytics-{kind}": ultralytics(kind) for kind in ULTRALYTICS},
    "ultralytics-yolov8n-dynamic": ultralytics("yolov8n", dynamic=True),
    "ultralytics-yolov8n-nms": ultralytics("yolov8n", nms=True),
    "ultralytics-yolov8n-half": ultralytics("yolov8n", half=True),
    "torchvision-resnet18": torchvision("resnet18"),
    "torchvision-mobilenet_v3_small": torchvision("mobilenet_v3_small"),
    "torchvision-vit_b_32": torchvision("vit_b_32"),
    "timm-resnet18": timm("resnet18"),
    "timm-vit_tiny": timm("vit_tiny_patch16_224"),
    "yolo-nas": yolo_nas,
}


def main(folder: Path, wanted: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    for name in wanted or CASES:
        target = folder / f"{name}.onnx"
        if target.exists():
            continue
        torch.manual_seed(0)
        CASES[name](target)
        print(f"made {name}")  # noqa: T201 - progress of a long script


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), sys.argv[2:])
