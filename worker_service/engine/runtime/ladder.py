"""Batches padded to the next of a few sizes, in buffers that stay where the graph runs.

That is what CUDA graphs want: they are recorded once for each size, with the addresses of that time, and then replayed
without a launch for each operator. Without graphs it saves the allocation of inputs and outputs on the device.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from worker_service.engine.runtime.signature import GraphSignature, TensorSpec

Array = npt.NDArray[Any]
GRAPH_ID = "gpu_graph_id"
_ids = itertools.count(1)


class Step:
    """Buffers for one batch size; one run at a time."""

    def __init__(self, session: ort.InferenceSession, signature: GraphSignature, size: int, device: str) -> None:
        self._session = session
        self._binding = session.io_binding()
        self._inputs = {spec.name: _buffer(spec, size, device) for spec in signature.inputs}
        self._outputs = [_buffer(spec, size, device) for spec in signature.outputs]
        self._staged = {spec.name: np.zeros(_shape(spec, size), spec.dtype) for spec in signature.inputs}
        for name, value in self._inputs.items():
            self._binding.bind_ortvalue_input(name, value)
        for spec, value in zip(signature.outputs, self._outputs, strict=True):
            self._binding.bind_ortvalue_output(spec.name, value)
        self._options = ort.RunOptions()
        self._options.add_run_config_entry(GRAPH_ID, str(next(_ids)))  # each recording belongs to its own buffers

    def run(self, feeds: Mapping[str, Array], count: int) -> list[Array]:
        """Outputs of the first ``count`` items; they are the caller's own."""
        for name, array in feeds.items():
            staged = self._staged[name]
            staged[:count] = array
            self._inputs[name].update_inplace(staged)
        self._session.run_with_iobinding(self._binding, self._options)
        return [np.array(value.numpy()[:count]) for value in self._outputs]


class Ladder:
    """Steps by size, as many of each as there have been runs at the same time."""

    def __init__(
        self, session: ort.InferenceSession, signature: GraphSignature, sizes: Sequence[int], device: str
    ) -> None:
        fixed = signature.inputs[0].fixed(0)
        self.sizes: list[int] = [fixed] if fixed else sorted(set(sizes))
        self._make: Callable[[int], Step] = lambda size: Step(session, signature, size, device)
        self._idle: dict[int, list[Step]] = defaultdict(list)

    def takes(self, feeds: Mapping[str, Array]) -> bool:
        """Whether a step is large enough."""
        return len(next(iter(feeds.values()))) <= self.sizes[-1]

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """All outputs, in graph order. Raises what ONNX Runtime raises."""
        count = len(next(iter(feeds.values())))
        size = next(size for size in self.sizes if size >= count)
        try:
            step = self._idle[size].pop()
        except IndexError:
            step = self._make(size)
        outputs = step.run(feeds, count)
        self._idle[size].append(step)  # one that failed is not used again
        return outputs


def _shape(spec: TensorSpec, size: int) -> tuple[int, ...]:
    return (size, *(spec.fixed(axis) or 0 for axis in range(1, len(spec.shape))))


def _buffer(spec: TensorSpec, size: int, device: str) -> ort.OrtValue:
    return ort.OrtValue.ortvalue_from_shape_and_type(_shape(spec, size), np.dtype(spec.dtype).type, device, 0)
