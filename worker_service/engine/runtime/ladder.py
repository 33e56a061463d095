"""Batches padded to the next of a few sizes, in buffers that stay where the graph runs.

A batch lands in a slot, passes a lane and leaves by its slot. Slots copy beside the runs; what a lane is asked for goes
on in order without anybody waiting, so that the card has the next batch before it is done with the last one. Several
lanes fill what one leaves idle. CUDA graphs are recorded once for each size and lane, and then replayed without a
launch for each operator: a lane's buffers stay where they were recorded.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

import numpy.typing as npt

from worker_service.engine.runtime.gpu import only_batch_is_free
from worker_service.engine.runtime.lane import Lane
from worker_service.engine.runtime.place import Place
from worker_service.engine.runtime.scale import Scale
from worker_service.engine.runtime.signature import GraphSignature
from worker_service.engine.runtime.slot import Items, Slot

Array = npt.NDArray[Any]


class Ladder:
    """Lanes of one graph, and as many slots as there have been batches at the same time."""

    def __init__(self, lanes: Sequence[Lane], signature: GraphSignature, place: Place, *, normalises: bool) -> None:
        """Each lane has all sizes, or one of its own; with ``normalises`` batches may be pixels."""
        self.sizes = sorted({size for lane in lanes for size in lane.sizes})
        self.normalises = normalises
        self.memory = place.memory
        self.lanes = lanes
        self.signature = signature
        self._pads = only_batch_is_free(signature)  # else what fills a batch might come out as one more detection
        self._place = place
        self._idle: list[Slot] = []
        self._slots: WeakSet[Slot] = WeakSet()
        self._batches = Counter[int]()
        """On their way through each lane."""
        self._lock = threading.Lock()

    @property
    def bytes(self) -> int:
        """Of the device, in buffers."""
        return sum(lane.bytes for lane in self.lanes) + sum(slot.bytes for slot in list(self._slots))

    def takes(self, count: int) -> bool:
        """Whether the buffers are large enough for a batch of so many."""
        return count <= self.sizes[-1]

    def run(self, items: Items, scale: Scale | None = None) -> list[Array]:
        """All outputs of a batch, in graph order, halves of known size as float32; with a scale the items are pixels.

        Raises what ONNX Runtime and CUDA raise; ValueError when an item has another shape than the graph's.
        """
        count = len(items)
        size = next(size for size in self.sizes if size >= count) if self._pads else count
        slot = self._borrow()
        with self._lane(size) as lane:
            try:
                held = slot.send(items, as_pixels=scale is not None)
                with lane.turn:
                    lane.stream.after(slot.copies)
                    slot.enter(lane, count, scale)
                    outputs = lane.run(size)
                    left = slot.leave(lane, outputs, count)
                    slot.copies.after(lane.stream)
                found = slot.fetch(left)
            except BaseException:
                slot.copies.wait()  # what is still under way must not find its memory given to others
                raise
            del held, outputs
        self._idle.append(slot)  # one that failed is not used again
        return found

    @contextmanager
    def _lane(self, size: int) -> Iterator[Lane]:
        """Of those that run batches of this size, the one with the fewest."""
        able = [number for number, lane in enumerate(self.lanes) if size in lane.sizes or not self._pads]
        with self._lock:
            number = min(able, key=self._batches.__getitem__)
            self._batches[number] += 1
        try:
            yield self.lanes[number]
        finally:
            with self._lock:
                self._batches[number] -= 1

    def _borrow(self) -> Slot:
        try:
            return self._idle.pop()
        except IndexError:
            slot = Slot(self.signature, self.sizes[-1], self._place)
            self._slots.add(slot)
            return slot


def rungs(signature: GraphSignature, sizes: Sequence[int]) -> list[int]:
    """The batch sizes that a graph runs with: its own where that is fixed."""
    fixed = signature.inputs[0].fixed(0)
    return [fixed] if fixed else sorted(set(sizes))
