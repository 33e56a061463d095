"""Static quantisation of a graph to int8 with QuantizeLinear and DequantizeLinear nodes, by onnxruntime's own tools."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from shared.errors import InvalidRequest
from worker_service.engine.runtime.choice import processor

OPERATORS = ("Conv", "MatMul", "Gemm")
"""What is quantised. Heads that turn their outputs into boxes and scores are of other kinds and stay float: sides of
hundreds of pixels and scores below one would share one scale of 256 steps."""

METHODS = {"minmax": "MinMax", "entropy": "Entropy", "percentile": "Percentile"}
Feeds = Iterator[Mapping[str, npt.NDArray[Any]]]
"""Inputs by name for one picture each, without the batch axis."""


@dataclass(frozen=True)
class Options:
    """``calibration`` pictures at most are looked at; ``exclude`` names nodes that stay in float."""

    calibration: int = 200
    method: str = "minmax"
    per_channel: bool = True
    operators: tuple[str, ...] = OPERATORS
    exclude: tuple[str, ...] = ()
    reduce_range: bool | None = None
    """Weights of seven bits; None: where this machine's processor needs it (``cuts_sums``)."""


def cuts_sums() -> bool:
    """Whether this processor adds int8 products in pairs to 16 bits and cuts what does not fit: x86-64 without VNNI.

    ONNX Runtime's kernels then answer otherwise than the graph says; weights of seven bits always fit.
    """
    told = processor().split()
    return "avx2" in told and not {"avx512_vnni", "avx_vnni", "avx512vnni"} & set(told)


def static_int8(source: Path, target: Path, feeds: Feeds, options: Options) -> Path:
    """Calibrate ``source`` on the feeds and write it quantised.

    Weights are int8, symmetric, with one scale per channel; activations uint8. Convolutions that only take the
    expectation of a distribution over 0..n-1 (the last step of YOLOv8's boxes) stay float.

    Raises:
        InvalidRequest: the graph is not in float32, or the method or a node is unknown.
        ImportError: the package ``onnx`` is missing.
    """
    import onnx  # noqa: PLC0415 - optional, and heavy
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static  # noqa: PLC0415
    from onnxruntime.quantization.shape_inference import quant_pre_process  # noqa: PLC0415

    if options.method not in METHODS:
        raise InvalidRequest(f"There is no calibration method {options.method!r}: {', '.join(METHODS)}.")
    with tempfile.TemporaryDirectory() as aside:
        ready = Path(aside) / "ready.onnx"
        quant_pre_process(source, ready, skip_symbolic_shape=True)
        graph = onnx.load(ready, load_external_data=False).graph
        _check(graph, options.exclude)
        quantize_static(
            ready,
            target,
            _reader(feeds),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(options.operators),
            nodes_to_exclude=[*options.exclude, *_expectations(graph)],
            per_channel=options.per_channel,
            weight_type=QuantType.QInt8,
            activation_type=QuantType.QUInt8,
            reduce_range=cuts_sums() if options.reduce_range is None else options.reduce_range,
            calibrate_method=CalibrationMethod[METHODS[options.method]],
        )
    return target


def _check(graph: Any, exclude: Sequence[str]) -> None:
    halves = [value.name for value in graph.input if value.type.tensor_type.elem_type not in (1, 2)]  # float32, uint8
    if halves or any(tensor.data_type == 10 for tensor in graph.initializer):  # float16
        raise InvalidRequest("The graph is not in float32; export it in single precision and quantise that.")
    names = {node.name for node in graph.node}
    if unknown := [name for name in exclude if name not in names]:
        raise InvalidRequest(f"The graph has no node {unknown[0]!r}.")


def _expectations(graph: Any) -> list[str]:
    """Names of convolutions whose weights are 0, 1, .., n-1."""
    from onnx import numpy_helper  # noqa: PLC0415

    weights = {tensor.name: tensor for tensor in graph.initializer if list(tensor.dims)[::2] == [1, 1]}
    found = []
    for node in graph.node:
        if node.op_type == "Conv" and node.input[1] in weights:
            values = numpy_helper.to_array(weights[node.input[1]]).ravel()
            if len(values) > 1 and np.array_equal(values, np.arange(len(values))):
                found.append(node.name)
    return found


def _reader(feeds: Feeds) -> Any:
    from onnxruntime.quantization import CalibrationDataReader  # noqa: PLC0415

    class Reader(CalibrationDataReader):  # type: ignore[misc] # its module ships no types
        def get_next(self) -> dict[str, npt.NDArray[Any]] | None:
            feed = next(feeds, None)
            return None if feed is None else {name: tensor[None] for name, tensor in feed.items()}

    return Reader()
