"""Graphs in half precision, and quantised with QuantizeLinear and DequantizeLinear nodes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static
from onnxruntime.transformers.float16 import convert_float_to_float16

from tests.parity.reference import scenes

CALIBRATION, SIZE = 32, 160
KINDS = ("fp16", "int8")
Feed = Callable[[], list[np.ndarray]]


def letterboxed() -> list[np.ndarray]:
    """The first training pictures as batches of one, letterboxed, in 0..1."""
    return [scenes.pixels([sample]).numpy() for sample in scenes.pool(CALIBRATION, SIZE)]


def variant(
    cache: Path, base: str, kind: str, feed: Feed = letterboxed, operators: tuple[str, ...] = ("Conv",)
) -> Path:
    """The graph ``base`` of the cache, converted.

    Args:
        cache: where both graphs lie.
        base: name of the graph in single precision.
        kind: ``fp16`` or ``int8``.
        feed: inputs to calibrate by.
        operators: what is quantised. The last steps to boxes and scores are of other kinds and stay float.
    """
    source, target = cache / f"{base}.onnx", cache / f"{base}-{kind}.onnx"
    if kind == "fp16":
        # Weights, input and output; Resize keeps its float32 scales.
        onnx.save(convert_float_to_float16(onnx.load(source), keep_io_types=False), target)
        return target
    quantize_static(
        str(source),
        str(target),
        _Feed(onnx.load(source).graph.input[0].name, feed()),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=list(operators),
        per_channel=True,
    )
    return target


class _Feed(CalibrationDataReader):
    """Inputs one after the other."""

    def __init__(self, name: str, batches: list[np.ndarray]) -> None:
        self._left = [{name: batch} for batch in batches]

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next picture's input, None after the last."""
        return self._left.pop() if self._left else None
