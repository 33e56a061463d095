"""Normalising pixels where the graph runs: a quarter of the bytes of float32 are copied, and no core computes them.

The two small graphs beside this file do it: [n, 3, height, width] uint8 times ``factor`` plus ``shift`` [3, 1, 1], in
float32, then in the type of the graph that follows. ``python -m tests.unit.engine.small_graphs`` writes them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

Array = npt.NDArray[Any]
GRAPHS = {dtype: Path(__file__).with_name(f"normalise-{dtype}.onnx") for dtype in ("float32", "float16")}
PIXELS, FACTOR, SHIFT, VALUES = "pixels", "factor", "shift", "values"


class Scale(NamedTuple):
    """Value = pixel * factor + shift, by channel."""

    factor: tuple[float, float, float]
    shift: tuple[float, float, float]


class Normaliser:
    """One session; runs of it must not meet."""

    def __init__(self, open_graph: Callable[[Path], ort.InferenceSession], dtype: str, device: str) -> None:
        self._session = open_graph(GRAPHS[dtype])
        self._dtype = np.dtype(dtype).type
        self._device = device
        self._scales: dict[Scale, tuple[ort.OrtValue, ort.OrtValue]] = {}

    def run(self, source: int, target: int, shape: tuple[int, ...], scale: Scale) -> None:
        """From pixels to values, both of ``shape`` and at an address of the device."""
        binding = self._session.io_binding()
        binding.bind_input(PIXELS, self._device, 0, np.uint8, shape, source)
        for name, value in zip((FACTOR, SHIFT), self._values(scale), strict=True):
            binding.bind_ortvalue_input(name, value)
        binding.bind_output(VALUES, self._device, 0, self._dtype, shape, target)
        self._session.run_with_iobinding(binding)

    def _values(self, scale: Scale) -> tuple[ort.OrtValue, ort.OrtValue]:
        if scale not in self._scales:
            factor, shift = (np.array(part, np.float32).reshape(3, 1, 1) for part in scale)
            self._scales[scale] = (self._on_device(factor), self._on_device(shift))
        return self._scales[scale]

    def _on_device(self, array: Array) -> ort.OrtValue:
        return ort.OrtValue.ortvalue_from_numpy(array, self._device, 0)
