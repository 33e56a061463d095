"""A classifier that takes a few milliseconds on one core, with random weights: residual stages at 224 x 224."""

import numpy as np
import onnx

from bench.networks.graph import Graph

SIZE, CLASSES = 224, 100
WIDTHS = (32, 64, 128, 192)
LABELS = [f"class-{i:02}" for i in range(CLASSES)]


def build(seed: int, images: np.ndarray) -> tuple[onnx.ModelProto, Graph]:
    """Make the network; its output is class probabilities [batch,100].

    Args:
        seed: Of the weights.
        images: Pictures that set the level of activations, float32 RGB [P,3,224,224] in 0..1.
    """
    graph = Graph(seed, images)
    x = graph.conv("images", 16, stride=2)
    for width in WIDTHS:
        x = graph.conv(x, width, stride=2)
        x = graph.one("Add", x, graph.conv(graph.conv(x, width // 2), width))
    pooled = graph.one("Flatten", graph.one("GlobalAveragePool", x), axis=1)
    output = graph.one("Softmax", graph.linear(pooled, CLASSES, "classes"), axis=1)
    names = str(dict(enumerate(LABELS)))
    metadata = {"task": "classify", "imgsz": str([SIZE, SIZE]), "names": names, "batch": "1"}
    return graph.model(output, metadata), graph
