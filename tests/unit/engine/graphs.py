"""Small ONNX graphs, made with onnx.helper: their answers are known in advance."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIZE = 64
FILES = ("weights.onnx", "tokenizer.json")


def save(
    path: Path, nodes: list[Any], inputs: list[Any], outputs: list[Any], weights: dict[str, Any], **meta: str
) -> Path:
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "test", inputs, outputs, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, meta)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(path))
    return path


def detector(
    path: Path,
    rows: Any,
    *,
    batch: Any = "batch",
    size: int = SIZE,
    dtype: int = TensorProto.FLOAT,
    channels: Any = None,
    **meta: str,
) -> Path:
    """Answers ``rows`` [4 + classes, anchors] to every image, plus the image's mean times zero."""
    rows = np.asarray(rows, helper.tensor_dtype_to_np_dtype(dtype))
    zero = np.zeros(1, rows.dtype)
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], axes=[2, 3], keepdims=0),  # [batch, 3]
        helper.make_node("ReduceMean", ["mean"], ["one"], axes=[1], keepdims=1),  # [batch, 1]
        helper.make_node("Unsqueeze", ["one", "axis"], ["wide"]),  # [batch, 1, 1]
        helper.make_node("Mul", ["wide", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "rows"], ["output0"]),
    ]
    images = helper.make_tensor_value_info("images", dtype, [batch, 3, size, size])
    output = helper.make_tensor_value_info("output0", dtype, [batch, channels or rows.shape[0], rows.shape[1]])
    return save(path, nodes, [images], [output], {"axis": np.array([2]), "zero": zero, "rows": rows[None]}, **meta)


def classifier(
    path: Path, bias: Any, *, batch: Any = "batch", size: int = SIZE, end: str | None = None, **meta: str
) -> Path:
    """Mean of the first len(bias) colour channels (at most 3 classes) plus ``bias``; ``end`` names a last operator."""
    bias = np.asarray(bias, np.float32)
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("Add", ["mean", "bias"], ["logits" if end else "output0"]),
    ]
    if end:
        nodes.append(helper.make_node(end, ["logits"], ["output0"]))
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, [batch, 3, size, size])
    output = helper.make_tensor_value_info("output0", TensorProto.FLOAT, [batch, 3])
    return save(path, nodes, [images], [output], {"bias": bias}, **meta)


def quantised_detector(path: Path, rows: Any, *, size: int = SIZE) -> Path:
    """``detector`` as quantisers write it: float in and out, int8 weights and activations between."""
    rows = np.asarray(rows, np.float32)
    scale = (np.abs(rows).max(axis=1) / 127 + 1e-9).astype(np.float32)
    stored = np.round(rows / scale[:, None]).astype(np.int8)
    nodes = [
        helper.make_node("QuantizeLinear", ["images", "step", "zero"], ["pixels"]),
        helper.make_node("DequantizeLinear", ["pixels", "step", "zero"], ["images_again"]),
        helper.make_node("ReduceMean", ["images_again"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Reshape", ["mean", "column"], ["wide"]),
        helper.make_node("Mul", ["wide", "nothing"], ["none"]),
        helper.make_node("DequantizeLinear", ["stored", "scale", "zeros"], ["rows"], axis=0),
        helper.make_node("Add", ["rows", "none"], ["output0"]),
    ]
    weights = {
        "step": np.float32(1 / 127),
        "zero": np.int8(0),
        "column": np.array([-1, 1, 1]),
        "nothing": np.zeros(1, np.float32),
        "stored": stored,
        "scale": scale,
        "zeros": np.zeros(len(rows), np.int8),
    }
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, size, size])
    output = helper.make_tensor_value_info("output0", TensorProto.FLOAT, ["batch", *rows.shape])
    return save(path, nodes, [images], [output], weights)


def answers(
    path: Path,
    outputs: dict[str, Any],
    *,
    batch: Any = "batch",
    size: Any = SIZE,
    dtype: int = TensorProto.FLOAT,
    open_axes: bool = False,
    **meta: str,
) -> Path:
    """Gives every image the same arrays, as [batch, ...]; ``open_axes`` leaves their sizes out of the signature.

    An array named ``all:...`` is answered as it is, without a batch axis.
    """
    nodes = [helper.make_node("Shape", ["images"], ["count"], start=0, end=1)]
    weights: dict[str, Any] = {}
    infos = []
    for key, value in outputs.items():
        name = key.removeprefix("all:")
        kind = helper.np_dtype_to_tensor_dtype(value.dtype)
        own = key.startswith("all:")
        dims = [f"{name}_{i}" for i in range(value.ndim)] if open_axes else list(value.shape)
        infos.append(helper.make_tensor_value_info(name, kind, dims if own else [batch, *dims]))
        weights |= {f"{name}.value": value, f"{name}.shape": np.array(value.shape, np.int64)}
        if own:
            nodes.append(helper.make_node("Identity", [f"{name}.value"], [name]))
            continue
        nodes.append(helper.make_node("Concat", ["count", f"{name}.shape"], [f"{name}.dims"], axis=0))
        nodes.append(helper.make_node("Expand", [f"{name}.value", f"{name}.dims"], [name]))
    images = helper.make_tensor_value_info("images", dtype, [batch, 3, size, size])
    return save(path, nodes, [images], infos, weights, **meta)


def brightness(
    path: Path,
    name: str,
    *,
    batch: Any = "batch",
    size: Any = SIZE,
    dtype: int = TensorProto.FLOAT,
    open_axes: bool = False,
) -> Path:
    """Answers the mean of each pixel's channels: a map [batch, h, w] that is as large as the picture."""
    nodes = [helper.make_node("ReduceMean", ["images"], [name], axes=[1], keepdims=0)]
    sides = ["height", "width"] if open_axes or not isinstance(size, int) else [size, size]
    images = helper.make_tensor_value_info("images", dtype, [batch, 3, size, size])
    return save(path, nodes, [images], [helper.make_tensor_value_info(name, dtype, [batch, *sides])], {})


def two_sides(
    path: Path, *, batch: Any = "batch", size: Any = SIZE, dtype: int = TensorProto.FLOAT, open_axes: bool = False
) -> Path:
    """An image as its mean colour, a text as its first three token ids."""
    nodes = [
        helper.make_node("ReduceMean", ["pixel_values"], ["image_embeds"], axes=[2, 3], keepdims=0),
        helper.make_node("Gather", ["input_ids", "first"], ["ids"], axis=1),
        helper.make_node("Cast", ["ids"], ["text_embeds"], to=dtype),
    ]
    width = "width" if open_axes else 3
    inputs = [
        helper.make_tensor_value_info("pixel_values", dtype, [batch, 3, size, size]),
        helper.make_tensor_value_info("input_ids", TensorProto.INT64, [batch, "length"]),
    ]
    outputs = [helper.make_tensor_value_info(name, dtype, [batch, width]) for name in ("image_embeds", "text_embeds")]
    return save(path, nodes, inputs, outputs, {"first": np.array([0, 1, 2])})


def numbered(
    path: Path, rows: Any, *, batch: Any = "batch", size: Any = SIZE, dtype: int = TensorProto.FLOAT, **meta: str
) -> Path:
    """Gives every image the same ``rows`` [m, 6] in one list [batch * m, 7], the image's number before each."""
    m = len(rows)
    kind = helper.np_dtype_to_tensor_dtype(rows.dtype)
    nodes = [
        helper.make_node("Shape", ["images"], ["count"], start=0, end=1),
        helper.make_node("Squeeze", ["count"], ["n"]),
        helper.make_node("Range", ["zero", "n", "one"], ["range"]),
        helper.make_node("Cast", ["range"], ["numbers"], to=kind),
        helper.make_node("Reshape", ["numbers", "column"], ["tall"]),
        helper.make_node("Concat", ["count", "each"], ["number_dims"], axis=0),
        helper.make_node("Expand", ["tall", "number_dims"], ["before"]),
        helper.make_node("Concat", ["count", "shape"], ["row_dims"], axis=0),
        helper.make_node("Expand", ["rows", "row_dims"], ["after"]),
        helper.make_node("Concat", ["before", "after"], ["both"], axis=2),
        helper.make_node("Reshape", ["both", "flat"], ["output"]),
    ]
    weights = {
        "zero": np.array(0),
        "one": np.array(1),
        "column": np.array([-1, 1, 1]),
        "each": np.array([m, 1]),
        "shape": np.array(rows.shape),
        "rows": rows,
        "flat": np.array([-1, 7]),
    }
    images = helper.make_tensor_value_info("images", dtype, [batch, 3, size, size])
    output = helper.make_tensor_value_info("output", kind, ["boxes", 7])
    return save(path, nodes, [images], [output], weights, **meta)


def package(folder: Path, **fields: Any) -> Path:
    """Write model.json beside weights.onnx; returns the folder."""
    manifest = {
        "id": folder.name,
        "labels": ["a", "b", "c"],
        "input": {"width": SIZE, "height": SIZE},
        "files": {
            name: sha256((folder / name).read_bytes()).hexdigest() for name in FILES if (folder / name).is_file()
        },
        **fields,
    }
    (folder / "model.json").write_text(json.dumps(manifest))
    return folder


# x, y, w, h, three class scores; one column per anchor: two overlapping "a", one "b" in the same place, one weak "c".
ROWS = np.array(
    [
        [20.0, 21.0, 20.0, 50.0],
        [20.0, 20.0, 20.0, 50.0],
        [16.0, 16.0, 16.0, 8.0],
        [16.0, 16.0, 16.0, 8.0],
        [0.9, 0.8, 0.1, 0.0],
        [0.0, 0.0, 0.7, 0.0],
        [0.0, 0.0, 0.0, 0.2],
    ]
)
ROWS = np.concatenate([ROWS, np.zeros((7, 12))], axis=1)
