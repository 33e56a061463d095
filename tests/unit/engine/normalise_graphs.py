"""Writes the graphs of ``worker_service/engine/runtime``: ``python -m tests.unit.engine.normalise_graphs``."""

from __future__ import annotations

import onnx
from onnx import TensorProto, helper

from worker_service.engine.runtime.normalise import FACTOR, GRAPHS, PIXELS, SHIFT, VALUES

IMAGE = ["n", 3, "height", "width"]
TYPES = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16}


def build(dtype: str) -> bytes:
    """The graph; its file is small enough to read in a debugger."""
    nodes = [
        helper.make_node("Cast", [PIXELS], ["exact"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["exact", FACTOR], ["scaled"]),
        helper.make_node("Add", ["scaled", SHIFT], ["shifted"]),
        helper.make_node("Cast", ["shifted"], [VALUES], to=TYPES[dtype]),
    ]
    inputs = [
        helper.make_tensor_value_info(PIXELS, TensorProto.UINT8, IMAGE),
        *(helper.make_tensor_value_info(name, TensorProto.FLOAT, [3, 1, 1]) for name in (FACTOR, SHIFT)),
    ]
    outputs = [helper.make_tensor_value_info(VALUES, TYPES[dtype], IMAGE)]
    graph = helper.make_graph(nodes, "normalise", inputs, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    made: bytes = model.SerializeToString(deterministic=True)
    return made


def main() -> None:
    for dtype, path in GRAPHS.items():
        path.write_bytes(build(dtype))


if __name__ == "__main__":
    main()
