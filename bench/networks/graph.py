"""A few lines over onnx.helper that draw random weights, run each node at once on real pictures and count its cost.

Running while building makes two things simple: shapes are those of the values, and each convolution can be normalised
on the pictures as a trained batch norm would have done. Without that, deep random networks give every picture the same
answer.
"""

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper


class Graph:
    """An ONNX graph under construction.

    Attributes:
        values: What each value is for the pictures, [P,...].
        constants: Weights and shapes by name.
        macs: Multiply-adds of convolutions and linear layers for one picture.
        parameters: Weights and biases.
    """

    def __init__(self, seed: int, images: np.ndarray) -> None:
        """Start from input `images`, float32 RGB [P,3,S,S] in 0..1; the weights follow from `seed`."""
        self._rng = np.random.default_rng(seed)
        self._nodes: list[onnx.NodeProto] = []
        self.values: dict[str, np.ndarray] = {"images": images}
        self.constants: dict[str, onnx.TensorProto] = {}
        self.macs = 0
        self.parameters = 0

    @property
    def gflops(self) -> float:
        """Billions of operations for one picture; a multiply-add is two."""
        return 2 * self.macs / 1e9

    def channels(self, x: str) -> int:
        return int(self.values[x].shape[1])

    def constant(self, name: str, value: np.ndarray) -> str:
        self.constants[name] = numpy_helper.from_array(np.asarray(value), name)
        return name

    def add(self, kind: str, *inputs: str, outputs: int = 1, **attributes: object) -> list[str]:
        """Append a node, run it on the pictures and return its outputs' names."""
        name = f"{kind.lower()}_{len(self._nodes)}"
        node = helper.make_node(kind, inputs, [f"{name}.{i}" for i in range(outputs)], name=name, **attributes)
        self._nodes.append(node)
        self._run(node)
        return list(node.output)

    def one(self, kind: str, *inputs: str, **attributes: object) -> str:
        """Append a node with one output."""
        return self.add(kind, *inputs, **attributes)[0]

    def conv(self, x: str, width: int, kernel: int = 3, stride: int = 1, activate: bool = True, name: str = "") -> str:
        """Convolution whose channels have mean 0 and deviation 1 on the pictures, then SiLU unless told not to."""
        name = name or f"conv_{len(self._nodes)}"
        weight = self._rng.standard_normal((width, self.channels(x), kernel, kernel), dtype=np.float32)
        names = self.constant(f"{name}.weight", weight), self.constant(f"{name}.bias", np.zeros(width, np.float32))
        how = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "pads": [kernel // 2] * 4}
        y = self.one("Conv", x, *names, **how)
        mean, spread = self.values[y].mean(axis=(0, 2, 3)), self.values[y].std(axis=(0, 2, 3)) + 1e-6
        self.constant(names[0], weight / spread[:, None, None, None])
        self.constant(names[1], -mean / spread)
        self._run(self._nodes[-1])
        self.macs += weight.size * int(np.prod(self.values[y].shape[2:]))
        self.parameters += weight.size + width
        return self.one("Mul", y, self.one("Sigmoid", y)) if activate else y

    def linear(self, x: str, width: int, name: str) -> str:
        """Fully connected layer on a flat value."""
        inside = self.channels(x)
        weight = self._rng.standard_normal((inside, width), dtype=np.float32) * np.float32(inside**-0.5)
        names = self.constant(f"{name}.weight", weight), self.constant(f"{name}.bias", np.zeros(width, np.float32))
        self.macs += weight.size
        self.parameters += weight.size + width
        return self.one("Gemm", x, *names)

    def join(self, *values: str, axis: int = 1) -> str:
        """Concatenate along channels, or along another axis (0 is the batch)."""
        return self.one("Concat", *values, axis=axis)

    def halves(self, x: str) -> list[str]:
        """Split channels in two."""
        sizes = np.array([self.channels(x) // 2] * 2, np.int64)
        return self.add("Split", x, self.constant(f"sizes_{len(self._nodes)}", sizes), outputs=2, axis=1)

    def double(self, x: str) -> str:
        """Nearest-neighbour upsampling by two."""
        return self.one("Resize", x, "", self.constant("double", np.array([1, 1, 2, 2], np.float32)), mode="nearest")

    def pool(self, x: str, kernel: int = 5) -> str:
        """Max pooling that keeps the size."""
        return self.one("MaxPool", x, kernel_shape=[kernel] * 2, pads=[kernel // 2] * 4)

    def reshape(self, x: str, *shape: int) -> str:
        """Reshape all but the batch axis; one entry may be -1."""
        return self.one("Reshape", x, self.constant(f"shape_{len(self._nodes)}", np.array([0, *shape], np.int64)))

    def model(self, output: str, metadata: dict[str, str]) -> onnx.ModelProto:
        """Close the graph: input `images` [batch,3,S,S], output `output0` [batch,...]."""
        nodes = [*self._nodes, helper.make_node("Identity", [output], ["output0"], name="output0")]
        ends = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *self.values[value].shape[1:]])
            for name, value in (("images", "images"), ("output0", output))
        ]
        graph = helper.make_graph(nodes, "visionfleet", ends[:1], ends[1:], list(self.constants.values()))
        # Opset 17 and IR 8: read by every onnxruntime since 1.13.
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        helper.set_model_props(model, metadata)
        onnx.checker.check_model(model)
        return model

    def _run(self, node: onnx.NodeProto) -> None:
        """Compute a node's outputs for the pictures."""
        feeds = {name: self.values[name] for name in node.input if name in self.values}
        weights = [self.constants[name] for name in node.input if name in self.constants]
        inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, v.shape) for n, v in feeds.items()]
        outputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in node.output]
        graph = helper.make_graph([node], "node", inputs, outputs, weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        self.values.update(zip(node.output, session.run(None, feeds), strict=True))
