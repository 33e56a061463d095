"""Where a batch lands on its way to a lane, and from where it leaves, beside the runs of other batches."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from worker_service.engine.runtime.gpu import has_batch
from worker_service.engine.runtime.lane import Lane, Output, buffer_of, shape_of
from worker_service.engine.runtime.place import Place
from worker_service.engine.runtime.scale import Pixels, Scale
from worker_service.engine.runtime.signature import GraphSignature, TensorSpec
from worker_service.engine.runtime.stream import Move

Array = npt.NDArray[Any]
Items = Sequence[Mapping[str, Array]]


class Slot:
    """Buffers for the largest batch, made when they are first needed; smaller ones use their beginnings."""

    def __init__(self, signature: GraphSignature, largest: int, place: Place) -> None:
        self.copies = place.stream()
        self._signature = signature
        self._largest = largest
        self._place = place
        self._buffers: dict[TensorSpec, ort.OrtValue] = {}

    @property
    def bytes(self) -> int:
        """Of the device."""
        return sum(buffer.tensor_size_in_bytes() for buffer in self._buffers.values())

    def send(self, items: Items, *, as_pixels: bool) -> list[Array]:
        """Ask for the inputs of each item, or the pixels that one is made of, to come here.

        Returns what must be held until they have. Raises ValueError when an item has another shape than the graph's.
        """
        moves, held = list[Move](), list[Array]()
        for spec in self._signature.inputs:
            landing = pixels_of(spec) if as_pixels else spec
            start = self._at(landing)
            for item in items:
                array = np.ascontiguousarray(item[spec.name], landing.dtype)
                if array.shape != shape_of(landing, 1)[1:]:
                    raise ValueError(f"{landing} was given {list(array.shape)}")
                moves.append(Move(start, array.ctypes.data, array.nbytes))
                held.append(array)
                start += array.nbytes
        self.copies.copy(moves)
        return held

    def enter(self, lane: Lane, count: int, scale: Scale | None) -> None:
        """Line up what makes so many items here the lane's inputs."""
        for spec in self._signature.inputs:
            target = lane.inputs[spec.name]
            if scale is None:
                lane.stream.copy([Move(target, self._at(spec), bytes_of(spec, shape_of(spec, count)))])
            else:
                _, _, height, width = shape_of(spec, count)
                pixels = Pixels(count, height * width, spec.dtype, scale)
                lane.stream.normalise(target, self._at(pixels_of(spec)), pixels)

    def leave(self, lane: Lane, outputs: Sequence[Output], count: int) -> list[tuple[TensorSpec, Output]]:
        """Line up what brings them here, halves as float32; where they will lie. Those of unknown size stay."""
        left = list[tuple[TensorSpec, Output]]()
        for spec, output in zip(self._signature.outputs, outputs, strict=True):
            if not has_batch(spec, self._signature):
                left.append((spec, output))
                continue
            shape, whole = (count, *output.shape[1:]), widened_of(spec)
            here = Output(self._at(whole), shape)
            if whole is spec:
                lane.stream.copy([Move(here.address, output.address, bytes_of(spec, shape))])
            else:
                lane.stream.widen(here.address, output.address, math.prod(shape))
            left.append((whole, here))
        return left

    def fetch(self, left: Sequence[tuple[TensorSpec, Output]]) -> list[Array]:
        """The arrays, which are the caller's own; waits until all is there."""
        found, moves = list[Array](), list[Move]()
        for spec, output in left:
            array = self._place.memory.empty(output.shape, spec.dtype)
            moves.append(Move(array.ctypes.data, output.address, array.nbytes))
            found.append(array)
        self.copies.copy(moves)
        self.copies.wait()
        return found

    def _at(self, spec: TensorSpec) -> int:
        if spec not in self._buffers:
            self._buffers[spec] = buffer_of(spec, self._largest, self._place.device)
        return int(self._buffers[spec].data_ptr())


def pixels_of(spec: TensorSpec) -> TensorSpec:
    """What [batch, 3, height, width] is made of."""
    batch, channels, height, width = spec.shape
    return replace(spec, shape=(batch, height, width, channels), dtype="uint8")


def widened_of(spec: TensorSpec) -> TensorSpec:
    """Halves are answered as float32; everything else as it is."""
    return replace(spec, dtype="float32") if spec.dtype == "float16" else spec


def bytes_of(spec: TensorSpec, shape: Sequence[int]) -> int:
    """Of that many items."""
    return math.prod(shape) * np.dtype(spec.dtype).itemsize
