"""Runs inside .venv-parity: one ONNX file per kind of model, by Ultralytics' own exporter, with random weights.

The argument is a folder; what is there already is kept. Only what the graphs look like from outside counts.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import torch
from ultralytics import YOLO

NAMES = ("circle", "square", "star")
KINDS = ("yolov5n", "yolov8n", "yolov8n-seg", "yolov8n-pose", "yolov8n-cls", "yolov9t", "yolov10n")
KINDS = (*KINDS, "yolo11n", "yolo12n", "yolo26n")
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    **{kind: (kind, {}) for kind in KINDS},
    "yolov8n-dynamic": ("yolov8n", {"dynamic": True}),
    "yolov8n-half": ("yolov8n", {"half": True}),
}


def export(kind: str, target: Path, **options: Any) -> None:
    torch.manual_seed(0)
    model = YOLO(f"{kind}.yaml")
    count = len(model.names) if kind.endswith(("-pose", "-cls")) else 80
    names = {index: NAMES[index] if index < len(NAMES) else f"class{index}" for index in range(count)}
    model.model.names = names if not kind.endswith("-pose") else {0: "person"}
    shutil.move(model.export(format="onnx", imgsz=320, opset=17, simplify=False, **options), target)


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    for name, (kind, options) in CASES.items():
        target = folder / f"{name}.onnx"
        if not target.exists():
            export(kind, target, **options)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
