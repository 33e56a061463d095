"""A network that does next to nothing, the mean of each colour of an 8 x 8 picture: the rest is the system itself."""

import onnx
from onnx import TensorProto, helper

SIZE = 8
LABELS = ["red", "green", "blue"]


def build() -> onnx.ModelProto:
    """Input `images` [batch,3,8,8], output `output0` [batch,3] in 0..1."""
    node = helper.make_node("ReduceMean", ["images"], ["output0"], axes=[2, 3], keepdims=0)
    ends = [
        helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, SIZE, SIZE]),
        helper.make_tensor_value_info("output0", TensorProto.FLOAT, ["batch", 3]),
    ]
    graph = helper.make_graph([node], "noop", ends[:1], ends[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
