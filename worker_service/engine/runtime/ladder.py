"""Batches padded to the next of a few sizes, in buffers that stay where the graph runs.

Copies to and from the buffers go on beside runs; the runs themselves take turns. So while one batch computes, the next
one is sent and the last one fetched, and a provider that cannot run a session twice at the same time is not asked to.
CUDA graphs want it that way too: they are recorded once for each size, with the addresses of that time, and then
replayed without a launch for each operator.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from weakref import WeakSet

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from worker_service.engine.runtime.gate import Gate
from worker_service.engine.runtime.gpu import has_batch, only_batch_is_free
from worker_service.engine.runtime.memory import Memory, Move
from worker_service.engine.runtime.normalise import Normaliser, Scale
from worker_service.engine.runtime.signature import GraphSignature, TensorSpec

Array = npt.NDArray[Any]
GRAPH_ID = "gpu_graph_id"
UNRECORDED = "-1"
"""What ONNX Runtime neither records nor replays."""
RECORDING = Gate()
"""One for the process: a recording shuts out everybody."""
_ids = itertools.count(1)


class Slot:
    """Buffers for the largest batch; smaller ones use their beginnings. One batch at a time."""

    def __init__(self, session: ort.InferenceSession, signature: GraphSignature, largest: int, device: str) -> None:
        self._session = session
        self._device = device
        self._inputs = {spec.name: (spec, _buffer(spec, largest, device)) for spec in signature.inputs}
        known = {spec.name for spec in signature.outputs if has_batch(spec, signature)}
        self._outputs = [
            (spec, _buffer(spec, largest, device) if spec.name in known else None) for spec in signature.outputs
        ]
        self._pixels: ort.OrtValue | None = None
        self._bound: dict[int, tuple[ort.IOBinding, ort.RunOptions]] = {}
        self._largest = largest

    @property
    def bytes(self) -> int:
        """Of the device."""
        values = [*(value for _, value in (*self._inputs.values(), *self._outputs)), self._pixels]
        return sum(value.tensor_size_in_bytes() for value in values if value is not None)

    def send(self, items: Sequence[Mapping[str, Array]], memory: Memory, *, as_pixels: bool) -> None:
        """Copy the inputs of each item, or the pixels that one is made of, to their places on the device."""
        moves, alive = list[Move](), list[Array]()
        for spec, value in self._inputs.values():
            start = (self._pixel_buffer(spec) if as_pixels else value).data_ptr()
            for item in items:
                whole = np.ascontiguousarray(item[spec.name], np.uint8 if as_pixels else spec.dtype)
                if whole.shape != _shape(spec, 1)[1:]:
                    raise ValueError(f"{spec} was given {list(whole.shape)}")
                moves.append(Move(start, whole.ctypes.data, whole.nbytes))
                alive.append(whole)
                start += whole.nbytes
        memory.copy(moves)

    def normalise(self, size: int, normaliser: Normaliser, scale: Scale) -> None:
        """From the pixels that were sent to the only input."""
        ((spec, value),) = self._inputs.values()
        source = self._pixel_buffer(spec)
        normaliser.run(source.data_ptr(), value.data_ptr(), _shape(spec, size), scale)

    def run(self, size: int) -> list[ort.OrtValue]:
        """A batch of that size, from buffer to buffer; outputs on the device, those without a buffer newly made."""
        binding, options = self._bound.get(size) or self._bind(size)
        self._session.run_with_iobinding(binding, options)
        outputs: list[ort.OrtValue] = binding.get_outputs()
        return outputs

    def fetch(self, outputs: Sequence[ort.OrtValue], count: int, size: int, memory: Memory) -> list[Array]:
        """What belongs to the first ``count`` of ``size`` items; the arrays are the caller's own."""
        found, moves = list[Array](), list[Move]()
        for (spec, _), value in zip(self._outputs, outputs, strict=True):
            first, *rest = value.shape() or (1,)
            array = memory.empty((count if first == size else first, *rest), spec.dtype)
            moves.append(Move(array.ctypes.data, value.data_ptr(), array.nbytes))
            found.append(array if value.shape() else array.reshape(()))
        memory.copy(moves)
        return found

    def _bind(self, size: int) -> tuple[ort.IOBinding, ort.RunOptions]:
        binding = self._session.io_binding()
        for spec, value in self._inputs.values():
            kind = np.dtype(spec.dtype).type
            binding.bind_input(spec.name, self._device, 0, kind, _shape(spec, size), value.data_ptr())
        for spec, buffer in self._outputs:
            kind = np.dtype(spec.dtype).type
            if buffer is None:
                binding.bind_output(spec.name, self._device)
            else:
                binding.bind_output(spec.name, self._device, 0, kind, _shape(spec, size), buffer.data_ptr())
        options = ort.RunOptions()
        options.add_run_config_entry(GRAPH_ID, str(next(_ids)))  # each recording belongs to its own buffers
        if all(buffer is not None for _, buffer in self._outputs):
            self._bound[size] = (binding, options)  # else the next run would write into what this one made
        return binding, options

    def _pixel_buffer(self, spec: TensorSpec) -> ort.OrtValue:
        if self._pixels is None:
            self._pixels = _buffer(TensorSpec(spec.name, spec.shape, "uint8"), self._largest, self._device)
        return self._pixels


class Ladder:
    """As many slots as there have been batches at the same time."""

    def __init__(
        self,
        session: ort.InferenceSession,
        signature: GraphSignature,
        sizes: Sequence[int],
        device: str,
        memory: Memory,
        normaliser: Normaliser | None = None,
    ) -> None:
        fixed = signature.inputs[0].fixed(0)
        self.sizes: list[int] = [fixed] if fixed else sorted(set(sizes))
        self._pads = only_batch_is_free(signature)  # else what fills a batch might come out as one more detection
        self.normaliser = normaliser
        self.memory = memory
        self._make: Callable[[], Slot] = lambda: Slot(session, signature, self.sizes[-1], device)
        self._idle: list[Slot] = []
        self._slots: WeakSet[Slot] = WeakSet()
        self._turn = threading.Lock()
        self._scaling = threading.Lock()
        self._records = False

    @property
    def bytes(self) -> int:
        """Of the device, in buffers."""
        return sum(slot.bytes for slot in list(self._slots))

    def record(self, slots: int) -> None:
        """Have so many slots, and record CUDA graphs of every size in each. Raises what ONNX Runtime raises."""
        self._records = True
        self._idle += self._recorded(slots)

    def takes(self, count: int) -> bool:
        """Whether a slot is large enough for a batch of so many."""
        return count <= self.sizes[-1]

    def run(self, items: Sequence[Mapping[str, Array]], scale: Scale | None = None) -> list[Array]:
        """All outputs of a batch, in graph order; with a scale the items are pixels.

        Raises what ONNX Runtime and CUDA raise; ValueError when an item has another shape than the graph's.
        """
        count = len(items)
        size = next(size for size in self.sizes if size >= count) if self._pads else count
        slot = self._borrow()
        with RECORDING.shared():
            slot.send(items, self.memory, as_pixels=scale is not None)
            if scale is not None and self.normaliser is not None:
                with self._scaling:  # beside the run of another batch
                    slot.normalise(size, self.normaliser, scale)
            with self._turn:
                outputs = slot.run(size)
            found = slot.fetch(outputs, count, size, self.memory)
        self._idle.append(slot)  # one that failed is not used again
        return found

    def _borrow(self) -> Slot:
        try:
            return self._idle.pop()
        except IndexError:
            return self._recorded(1)[0]

    def _recorded(self, count: int) -> list[Slot]:
        """New slots. The first run of a size prepares it (a fifth of a second with cuDNN), the second is recorded."""
        with RECORDING.alone() if self._records else RECORDING.shared():
            slots = [self._make() for _ in range(count)]
            for size, slot in itertools.product(self.sizes if self._records else (), slots):
                with self._turn:
                    slot.run(size)
                    slot.run(size)
        self._slots.update(slots)
        return slots


def unrecorded() -> ort.RunOptions:
    """For runs outside a slot: a recording holds the addresses of its run, and these are others each time."""
    options = ort.RunOptions()
    options.add_run_config_entry(GRAPH_ID, UNRECORDED)
    return options


def _shape(spec: TensorSpec, size: int) -> tuple[int, ...]:
    return (size, *(spec.fixed(axis) or 0 for axis in range(1, len(spec.shape))))


def _buffer(spec: TensorSpec, size: int, device: str) -> ort.OrtValue:
    """Zeros: what pads a batch is computed too, and must not be what another process left there."""
    return ort.OrtValue.ortvalue_from_numpy(np.zeros(_shape(spec, size), spec.dtype), device, 0)
