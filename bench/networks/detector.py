"""A detector that costs what YOLOv8n costs at 640 x 640, with random weights.

Backbone of five halvings with cross-stage blocks (half of the channels passes through bottlenecks, every intermediate
result is kept and mixed by a 1 x 1 convolution), a pooling pyramid, a neck that goes up and down again, and at strides
8, 16 and 32 one head for classes and one for box sides. A side is the mean of a distribution over 16 distances.
"""

import numpy as np
import onnx
from onnx import numpy_helper

from bench.networks.graph import Graph

SIZE, CLASSES, BINS = 640, 80, 16
STRIDES = (8, 16, 32)
HITS = 12  # cells of a picture with a score above 0.4: a handful of boxes, as on a photo
LABELS = [f"class-{i:02}" for i in range(CLASSES)]


def _mix(graph: Graph, x: str, width: int, depth: int, skip: bool) -> str:
    """Cross-stage block."""
    parts = graph.halves(graph.conv(x, width, 1))
    for _ in range(depth):
        y = graph.conv(graph.conv(parts[-1], width // 2), width // 2)
        parts.append(graph.one("Add", parts[-1], y) if skip else y)
    return graph.conv(graph.join(*parts), width, 1)


def _pyramid(graph: Graph, x: str) -> str:
    """Pool three times, so that a cell sees 5, 9 and 13 cells around it."""
    width = graph.channels(x)
    parts = [graph.conv(x, width // 2, 1)]
    for _ in range(3):
        parts.append(graph.pool(parts[-1]))
    return graph.conv(graph.join(*parts), width, 1)


def _backbone(graph: Graph, x: str) -> tuple[str, str, str]:
    x = graph.conv(graph.conv(x, 16, stride=2), 32, stride=2)
    x = _mix(graph, x, 32, 1, skip=True)
    eight = _mix(graph, graph.conv(x, 64, stride=2), 64, 2, skip=True)
    sixteen = _mix(graph, graph.conv(eight, 128, stride=2), 128, 2, skip=True)
    last = _mix(graph, graph.conv(sixteen, 256, stride=2), 256, 1, skip=True)
    return eight, sixteen, _pyramid(graph, last)


def _neck(graph: Graph, eight: str, sixteen: str, last: str) -> tuple[str, str, str]:
    middle = _mix(graph, graph.join(graph.double(last), sixteen), 128, 1, skip=False)
    fine = _mix(graph, graph.join(graph.double(middle), eight), 64, 1, skip=False)
    middle = _mix(graph, graph.join(graph.conv(fine, 64, stride=2), middle), 128, 1, skip=False)
    coarse = _mix(graph, graph.join(graph.conv(middle, 128, stride=2), last), 256, 1, skip=False)
    return fine, middle, coarse


def _heads(graph: Graph, levels: tuple[str, str, str]) -> tuple[str, str]:
    """Side distributions [64,N] and class logits [80,N] of all levels."""
    sides, logits = [], []
    for stride, level in zip(STRIDES, levels, strict=True):
        for parts, name, width in ((sides, "sides", 4 * BINS), (logits, "score", CLASSES)):
            tower = graph.conv(graph.conv(level, width), width)
            last = graph.conv(tower, width, 1, activate=False, name=f"{name}_{stride}")
            parts.append(graph.reshape(last, width, -1))
    return graph.join(*sides, axis=2), graph.join(*logits, axis=2)


def _cells() -> tuple[np.ndarray, np.ndarray]:
    """Centres [2,N] and strides [1,N] of all cells, in pixels."""
    centres, strides = [], []
    for stride in STRIDES:
        line = (np.arange(SIZE // stride, dtype=np.float32) + 0.5) * stride
        x, y = np.meshgrid(line, line)
        centres.append(np.stack([x.ravel(), y.ravel()]))
        strides.append(np.full((1, x.size), stride, np.float32))
    return np.concatenate(centres, axis=1), np.concatenate(strides, axis=1)


def _boxes(graph: Graph, raw: str) -> str:
    """Distributions [64,N] to centre boxes [4,N] in pixels."""
    chances = graph.one("Softmax", graph.reshape(raw, 4, BINS, -1), axis=2)
    bins = graph.constant("bins", np.arange(BINS, dtype=np.float32).reshape(BINS, 1))
    axis = graph.constant("bins.axis", np.array([2], np.int64))
    mean = graph.one("ReduceSum", graph.one("Mul", chances, bins), axis, keepdims=0)
    centres, strides = _cells()
    near, far = graph.halves(graph.one("Mul", mean, graph.constant("strides", strides)))
    half = graph.constant("half", np.array(0.5, np.float32))
    shift = graph.one("Mul", graph.one("Sub", far, near), half)
    return graph.join(graph.one("Add", shift, graph.constant("centres", centres)), graph.one("Add", near, far))


def _level(graph: Graph, logits: str) -> str:
    """Bring each picture's logits to one level, with about `HITS` cells above a score of 0.4.

    Random scores would put no box above it on one picture and thousands on the next, and suppression would cost more
    than the network. This normalisation is the one layer that such networks lack; it takes 0.3 % of the time.
    """
    ones, zeros = np.ones(CLASSES, np.float32), np.zeros(CLASSES, np.float32)
    scale, bias = graph.constant("level.scale", ones), graph.constant("level.bias", zeros)
    level = graph.one("InstanceNormalization", logits, scale, bias)
    best = np.sort(graph.values[level].max(axis=1), axis=1)[:, -HITS].mean()
    graph.constant("level.bias", zeros + np.float32(np.log(0.4 / 0.6) - best))
    return level


def build(seed: int, images: np.ndarray) -> tuple[onnx.ModelProto, Graph]:
    """Make the network.

    Args:
        seed: Of the weights.
        images: Pictures that set the level of activations and scores, float32 RGB [P,3,640,640] in 0..1.

    Returns:
        The model, whose output is YOLOv8's [batch,84,8400], and the graph that knows its cost.
    """
    graph = Graph(seed, images)
    sides, logits = _heads(graph, _neck(graph, *_backbone(graph, "images")))
    output = graph.join(_boxes(graph, sides), graph.one("Sigmoid", _level(graph, logits)))
    # Near sides are likelier: boxes of about six cells, not fifteen.
    bias = np.tile(-0.3 * np.arange(BINS, dtype=np.float32), 4)
    for stride in STRIDES:
        key = f"sides_{stride}.bias"
        graph.constant(key, numpy_helper.to_array(graph.constants[key]) + bias)
    names = str(dict(enumerate(LABELS)))
    metadata = {"task": "detect", "stride": "32", "imgsz": str([SIZE, SIZE]), "names": names, "batch": "1"}
    return graph.model(output, metadata), graph
