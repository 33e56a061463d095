"""Prepared items in, one run, items out: stacking into a reused buffer, fixed batch sizes, splitting."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from shared.errors import InferenceFailed
from worker_service.engine.runtime.scale import Scale
from worker_service.engine.runtime.session import Session, numpy_dtype

Array = npt.NDArray[Any]
Buffers = dict[str, Array]
"""Memory that batches are put together in, by input."""

Split = Callable[[Sequence[Array], int], list[tuple[Array, ...]]]
"""Outputs of a run and the number of items in it, to the outputs of each item."""


def by_first_axis(outputs: Sequence[Array], count: int) -> list[tuple[Array, ...]]:
    """The usual way: every output has the batch as its first axis. Raises InferenceFailed when one has not."""
    for output in outputs:
        if output.ndim == 0 or output.shape[0] != count:
            raise InferenceFailed(f"The model answered {list(output.shape)} to a batch of {count}.")
    return [tuple(output[i] for output in outputs) for i in range(count)]


class Batcher:
    """Runs a graph whose inputs have the batch as their first axis.

    A graph with a fixed batch size is fed exactly that many items, the last run padded with what the buffer holds.
    """

    def __init__(self, session: Session, max_batch: int, scale: Scale | None = None) -> None:
        """With a scale, items are uint8 pixels that are scaled where the graph runs."""
        sizes = {spec.fixed(0) for spec in session.signature.inputs} - {None}
        self.fixed: int | None = next(iter(sizes)) if len(sizes) == 1 else None
        self.max_batch = self.fixed or max_batch
        self.session = session
        self._scale = scale
        self._dtypes = {spec.name: numpy_dtype(spec) for spec in session.signature.inputs}
        self._buffers: list[Buffers] = []
        self._idle: list[Buffers] = []

    @property
    def bytes(self) -> int:
        """Memory that the input buffers hold."""
        return sum(buffer.nbytes for buffers in self._buffers for buffer in buffers.values())

    def run(self, items: Sequence[Mapping[str, Array]], split: Split = by_first_axis) -> list[tuple[Array, ...]]:
        """Outputs per item, in order, without the batch axis; ``split`` deals them out. Raises InferenceFailed."""
        rows: list[tuple[Array, ...]] = []
        for start in range(0, len(items), self.max_batch):
            rows += self._run_once(items[start : start + self.max_batch], split)
        return rows

    def _run_once(self, items: Sequence[Mapping[str, Array]], split: Split) -> list[tuple[Array, ...]]:
        size = self.fixed or len(items)
        if self.session.takes_items(len(items)):
            return split(self.session.run_items(items, self._scale), len(items))
        buffers = self._borrow()
        try:
            outputs = self.session.run({name: self._stack(name, items, size, buffers) for name in self._dtypes})
        finally:
            self._idle.append(buffers)
        return split(outputs, size)[: len(items)]

    def _borrow(self) -> Buffers:
        """Buffers that no other run uses; there are as many sets as there have been runs at the same time."""
        try:
            return self._idle.pop()
        except IndexError:
            made: Buffers = {}
            self._buffers.append(made)
            return made

    def _stack(self, name: str, items: Sequence[Mapping[str, Array]], size: int, buffers: Buffers) -> Array:
        """[size, ...] in the graph's own type; a single item of that type is passed on without a copy."""
        first = items[0][name]
        if size == 1 and first.dtype == self._dtypes[name] and first.flags.c_contiguous:
            return first[None]
        buffer = buffers.get(name)
        if buffer is None or buffer.shape[0] < size or buffer.shape[1:] != first.shape:
            buffer = buffers[name] = np.zeros((size, *first.shape), self._dtypes[name])
        for i, item in enumerate(items):
            if item[name].shape != first.shape:
                raise InferenceFailed(f"Input {name!r} differs in shape between the items of one batch.")
            buffer[i] = item[name]
        return buffer[:size]
