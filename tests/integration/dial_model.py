"""A classifier whose brightness is a dial for how long it takes: a test's way to catch a worker in the middle.

The graph is a real one that ONNX Runtime runs: a Loop of ``exp(20 * brightest pixel of the batch)`` turns. Black
answers at once, SLOW takes about a second, LONG some seconds, and WHITE would take hours: a model that hangs.
The answer is the strongest colour, so that every picture's answer can be checked.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from onnx import TensorProto, helper

from tests.unit.engine import graphs

SIZE = 8
COLOURS = ("red", "green", "blue")
INSTANT, SLOW, LONG, WHITE = 40, 170, 185, 255


def repository(folder: Path, *names: str) -> Path:
    """A model repository with the dial under each of the names."""
    for name in names or ("dial",):
        _graph(folder / name / "weights.onnx")
        graphs.package(
            folder / name,
            task="classification",
            family="classification",
            activation="softmax",
            labels=list(COLOURS),
            input={"width": SIZE, "height": SIZE, "resize": "stretch", "pad": 0},
            thresholds={"confidence": 0.0},
        )
    return folder


def picture(colour: str, brightness: int = INSTANT) -> bytes:
    """A PNG of one colour."""
    pixels = np.zeros((SIZE, SIZE, 3), np.uint8)
    pixels[:, :, 2 - COLOURS.index(colour)] = brightness
    return cv2.imencode(".png", pixels)[1].tobytes()


def pictures(count: int, brightness: int = INSTANT) -> list[tuple[str, bytes]]:
    """Colours in turn, with their pictures."""
    return [(COLOURS[n % 3], picture(COLOURS[n % 3], brightness)) for n in range(count)]


def answer(outputs: list[dict[str, Any]]) -> str:
    """What the model saw in a job's only picture."""
    (outcome,) = outputs
    return str(outcome["output"]["top"])


def _graph(path: Path) -> None:
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["running"], ["on"]),
            helper.make_node("Add", ["sum", "step"], ["next"]),
        ],
        "turn",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("running", TensorProto.BOOL, []),
            helper.make_tensor_value_info("sum", TensorProto.FLOAT, [1]),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, [1]),
        ],
    )
    nodes = [
        helper.make_node("ReduceMax", ["images"], ["brightest"], keepdims=0),
        helper.make_node("Mul", ["brightest", "twenty"], ["power"]),
        helper.make_node("Exp", ["power"], ["many"]),
        helper.make_node("Cast", ["many"], ["turns"], to=TensorProto.INT64),
        helper.make_node("Loop", ["turns", "yes", "zero"], ["spent"], body=body),
        helper.make_node("Mul", ["spent", "zero"], ["nothing"]),
        helper.make_node("ReduceMean", ["images"], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("Add", ["mean", "nothing"], ["output0"]),
    ]
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, SIZE, SIZE])
    output = helper.make_tensor_value_info("output0", TensorProto.FLOAT, ["batch", 3])
    weights = {
        "twenty": np.float32(20),
        "zero": np.zeros(1, np.float32),
        "step": np.full(1, 1e-9, np.float32),
        "yes": np.bool_(True),
    }
    graphs.save(path, nodes, [images], [output], weights)
