"""Writes the graph of ``worker_service/engine/runtime``: ``python -m tests.unit.engine.small_graphs``."""

from __future__ import annotations

from onnx import TensorProto, helper

from worker_service.engine.runtime.widen import GRAPH, HALF, WHOLE


def widen() -> bytes:
    """Halves of any shape to float32."""
    half, whole = (
        helper.make_tensor_value_info(name, kind, None)
        for name, kind in ((HALF, TensorProto.FLOAT16), (WHOLE, TensorProto.FLOAT))
    )
    cast = helper.make_node("Cast", [HALF], [WHOLE], to=TensorProto.FLOAT)
    graph = helper.make_graph([cast], "widen", [half], [whole])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    made: bytes = model.SerializeToString(deterministic=True)
    return made


def main() -> None:
    GRAPH.write_bytes(widen())


if __name__ == "__main__":
    main()
