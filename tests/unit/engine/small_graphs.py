"""Writes the graphs of ``worker_service/engine/runtime``: ``python -m tests.unit.engine.small_graphs``."""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import TensorProto, helper

from worker_service.engine.runtime.normalise import FACTOR, GRAPHS, PIXELS, SHIFT, VALUES
from worker_service.engine.runtime.widen import GRAPH, HALF, WHOLE

IMAGE = ["n", 3, "height", "width"]
TYPES = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16}


def normalise(dtype: str) -> bytes:
    """Pixels to values of that type."""
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
    return _file(helper.make_graph(nodes, "normalise", inputs, outputs))


def widen() -> bytes:
    """Halves of any shape to float32."""
    half, whole = (
        helper.make_tensor_value_info(name, kind, None)
        for name, kind in ((HALF, TensorProto.FLOAT16), (WHOLE, TensorProto.FLOAT))
    )
    return _file(
        helper.make_graph([helper.make_node("Cast", [HALF], [WHOLE], to=TensorProto.FLOAT)], "widen", [half], [whole])
    )


def _file(graph: onnx.GraphProto) -> bytes:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    made: bytes = model.SerializeToString(deterministic=True)
    return made


def all_of_them() -> dict[Path, bytes]:
    """What belongs into which file."""
    return {path: normalise(dtype) for dtype, path in GRAPHS.items()} | {GRAPH: widen()}


def main() -> None:
    for path, content in all_of_them().items():
        path.write_bytes(content)


if __name__ == "__main__":
    main()
