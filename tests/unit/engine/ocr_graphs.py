"""A toy that reads: what is dark is text, and its colour is its letter: blue is a, green is b, red is c."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT
IMAGE = ["batch", 3, "height", "width"]


def write(folder: Path, **fields: Any) -> Path:
    """det.onnx, rec.onnx and model.json."""
    folder.mkdir(parents=True, exist_ok=True)
    _save(folder / "det.onnx", _detector(), IMAGE, ["batch", 1, "height", "width"], {})
    _save(
        folder / "rec.onnx", _recogniser(), ["batch", 3, 48, "width"], ["batch", "steps", 5], {"character": "a\nb\nc"}
    )
    files = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in ("det.onnx", "rec.onnx")}
    half = [0.5, 0.5, 0.5]
    image = {"width": 64, "height": 64, "channels": "bgr", "mean": half, "std": half}
    manifest = {"id": folder.name, "task": "ocr", "family": "pp-ocr", "input": image, "files": files, **fields}
    (folder / "model.json").write_text(json.dumps(manifest, indent=1) + "\n")
    return folder


BLUE, GREEN, RED = (255, 0, 0), (0, 255, 0), (0, 0, 255)
WORDS = ((12, 14, BLUE), (92, 14, GREEN), (12, 78, RED))
"""Left, top and colour of the picture's words, in reading order."""


def picture(path: Path) -> Path:
    """160 x 120: "a" and "b" side by side, "c" below."""
    pixels = np.full((120, 160, 3), 255, np.uint8)
    for left, top, colour in WORDS:
        pixels[top : top + 24, left : left + 48] = colour
    cv2.imwrite(str(path), pixels)
    return path


def _detector() -> tuple[list[Any], list[Any]]:
    nodes = [
        helper.make_node("ReduceMin", ["x"], ["least"], axes=[1], keepdims=1),
        helper.make_node("Mul", ["least", "slope"], ["steep"]),
        helper.make_node("Add", ["steep", "middle"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["y"]),
    ]
    return nodes, [_constant("slope", [-20.0]), _constant("middle", [-4.0])]


def _recogniser() -> tuple[list[Any], list[Any]]:
    letters = np.zeros((3, 5), np.float32)
    letters[:, 1:4] = np.full((3, 3), -4) + 12 * np.eye(3)  # white is blank
    blank = np.array([7, 0, 0, 0, 0], np.float32)
    nodes = [
        helper.make_node("AveragePool", ["x"], ["pooled"], kernel_shape=[48, 8], strides=[48, 8]),
        helper.make_node("Squeeze", ["pooled", "rows"], ["flat"]),
        helper.make_node("Transpose", ["flat"], ["steps"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["steps", "letters"], ["seen"]),
        helper.make_node("Add", ["seen", "blank"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["y"], axis=-1),
    ]
    rows = numpy_helper.from_array(np.array([2], np.int64), "rows")
    return nodes, [rows, numpy_helper.from_array(letters, "letters"), numpy_helper.from_array(blank, "blank")]


def _constant(name: str, values: list[float]) -> Any:
    return numpy_helper.from_array(np.array(values, np.float32), name)


def _save(path: Path, parts: tuple[list[Any], list[Any]], image: Any, answer: Any, meta: dict[str, str]) -> None:
    nodes, weights = parts
    x, y = helper.make_tensor_value_info("x", FLOAT, image), helper.make_tensor_value_info("y", FLOAT, answer)
    graph = helper.make_graph(nodes, "toy", [x], [y], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, meta)
    onnx.save(model, path)
