"""A session whose runs are lined up in a stream, and the buffers that they read and write one after the other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import onnxruntime as ort

from worker_service.engine.runtime.gpu import has_batch
from worker_service.engine.runtime.signature import GraphSignature, TensorSpec
from worker_service.engine.runtime.stream import Stream

GRAPH_ID = "gpu_graph_id"
UNRECORDED = "-1"
"""ONNX Runtime is asked to check that a graph can be recorded, but neither records it nor replays."""
RETURNS_AT_ONCE = "disable_synchronize_execution_providers"


class Output(NamedTuple):
    """Where one output lies, or will when the stream is that far; ``held`` is what must not be let go until then."""

    address: int
    shape: tuple[int, ...]
    held: ort.OrtValue | None = None


class Lane:
    """Runs of one session. Who lines something up holds ``turn``; so does who runs the session in another way."""

    def __init__(
        self,
        session: ort.InferenceSession,
        stream: Stream,
        signature: GraphSignature,
        sizes: Sequence[int],
        device: str,
    ) -> None:
        """``sizes`` of batches, the last one the largest."""
        self.session = session
        self.stream = stream
        self.sizes = sizes
        self.turn = threading.Lock()
        largest = sizes[-1]
        self._device = device
        self._inputs = [(spec, buffer_of(spec, largest, device)) for spec in signature.inputs]
        self._outputs = [
            (spec, buffer_of(spec, largest, device) if has_batch(spec, signature) else None)
            for spec in signature.outputs
        ]
        self.inputs = {spec.name: int(value.data_ptr()) for spec, value in self._inputs}
        """Addresses."""
        self._replays: dict[int, Callable[[], None]] = {}

    @property
    def bytes(self) -> int:
        """Of the device, in buffers."""
        values = [value for _, value in (*self._inputs, *self._outputs)]
        return sum(value.tensor_size_in_bytes() for value in values if value is not None)

    def run(self, size: int) -> list[Output]:
        """Line up a run of that size. Raises what ONNX Runtime and CUDA raise."""
        if size in self._replays:
            self._replays[size]()
            return [
                Output(value.data_ptr(), shape_of(spec, size)) for spec, value in self._outputs if value is not None
            ]
        return [Output(value.data_ptr(), tuple(value.shape()), value) for value in self._ask(size)]

    def record(self) -> None:
        """Record a CUDA graph of every size. Raises what ONNX Runtime and CUDA raise."""
        with self.turn:
            for size in self.sizes:
                self._ask(size)  # the first run of a size prepares it: a fifth of a second with cuDNN
                self._ask(size)
                self.stream.wait()
                self._replays[size] = self.stream.record(partial(self._ask, size))

    def _ask(self, size: int) -> list[ort.OrtValue]:
        binding = self.session.io_binding()
        for spec, value in self._inputs:
            kind = np.dtype(spec.dtype).type
            binding.bind_input(spec.name, self._device, 0, kind, shape_of(spec, size), value.data_ptr())
        for spec, buffer in self._outputs:
            kind = np.dtype(spec.dtype).type
            if buffer is None:
                binding.bind_output(spec.name, self._device)
            else:
                binding.bind_output(spec.name, self._device, 0, kind, shape_of(spec, size), buffer.data_ptr())
        options = unrecorded()
        options.add_run_config_entry(RETURNS_AT_ONCE, "1")
        self.session.run_with_iobinding(binding, options)
        outputs: list[ort.OrtValue] = binding.get_outputs()
        return outputs


def unrecorded() -> ort.RunOptions:
    """For every run of a session on CUDA: what is recorded is recorded by its lane."""
    options = ort.RunOptions()
    options.add_run_config_entry(GRAPH_ID, UNRECORDED)
    return options


def shape_of(spec: TensorSpec, size: int) -> tuple[int, ...]:
    """With that many items."""
    return (size, *(spec.fixed(axis) or 0 for axis in range(1, len(spec.shape))))


def buffer_of(spec: TensorSpec, size: int, device: str) -> ort.OrtValue:
    """Zeros: what pads a batch is computed too, and must not be what another process left there."""
    return ort.OrtValue.ortvalue_from_numpy(np.zeros(shape_of(spec, size), spec.dtype), device, 0)
