"""Which sessions a graph is opened as on a GPU, so that its batches can be lined up."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import onnxruntime as ort

from worker_service.engine.runtime import gpu
from worker_service.engine.runtime.choice import Providers
from worker_service.engine.runtime.ladder import Ladder, rungs
from worker_service.engine.runtime.lane import Lane
from worker_service.engine.runtime.place import Place
from worker_service.engine.runtime.settled import Sizes
from worker_service.engine.runtime.signature import GraphSignature
from worker_service.engine.runtime.twin import size_of

log = logging.getLogger(__name__)


class Open(Protocol):
    """Opens a graph with these of its free sizes fixed."""

    def __call__(self, path: Path, providers: Providers, *, free: Sizes) -> ort.InferenceSession:
        """Raises what ONNX Runtime raises."""
        ...


@dataclass(frozen=True)
class Graph:
    """A file, and how it is to be run. ``steady``: in batches only, through its ladder."""

    path: Path
    signature: GraphSignature
    free: Sizes
    steady: bool


@dataclass(frozen=True)
class Lanes:
    """``sizes`` of batches, ``streams`` for each graph of up to ``small`` bytes, and what the settings wish."""

    place: Place
    open: Open
    sizes: Sequence[int]
    streams: int
    small: int
    records: bool
    normalises: bool

    def ladder(self, graph: Graph, providers: Providers) -> Ladder | None:
        """None where CUDA cannot have the graph. Raises what ONNX Runtime and CUDA raise.

        Recorded with all sizes in each stream. Or else, since exporters that leave the batch free have shapes computed
        on the processor, with a session for each size, in which nothing of that is left. Or else unrecorded.
        """
        reason: Exception | None = None
        try:
            for lanes in self._recordable(graph, gpu.recordable(providers)):
                try:
                    return self._recorded(graph, lanes)
                except NotOnGpu:
                    raise
                except Exception as error:  # noqa: BLE001 - onnxruntime's errors share no base class of their own
                    reason = error
            if reason is not None:
                log.warning("%s runs without CUDA graphs: %s", graph.path.parent.name, reason)
            return self._made(graph, list(self._per_stream(graph, providers)))
        except NotOnGpu:
            return None

    def _recordable(self, graph: Graph, providers: Providers) -> Iterator[Iterator[Lane]]:
        if self.records and gpu.only_batch_is_free(graph.signature):
            yield self._per_stream(graph, providers)
            batch = graph.signature.inputs[0].shape[0]
            if isinstance(batch, str) and graph.steady and size_of(graph.path) <= self.small:
                yield self._per_size(graph, providers, batch)

    def _per_stream(self, graph: Graph, providers: Providers) -> Iterator[Lane]:
        sizes = rungs(graph.signature, self.sizes)
        for _ in range(self.streams if size_of(graph.path) <= self.small else 1):
            yield self._lane(graph, providers, sizes, graph.free)

    def _per_size(self, graph: Graph, providers: Providers, batch: str) -> Iterator[Lane]:
        for size in rungs(graph.signature, self.sizes):
            yield self._lane(graph, providers, [size], {**graph.free, batch: size})

    def _lane(self, graph: Graph, providers: Providers, sizes: Sequence[int], free: Sizes) -> Lane:
        stream = self.place.stream()
        session = self.open(graph.path, gpu.in_stream(providers, stream.handle), free=free)
        if not {gpu.CUDA, gpu.TENSORRT} & set(session.get_providers()):
            raise NotOnGpu
        return Lane(session, stream, graph.signature, sizes, self.place.device)

    def _recorded(self, graph: Graph, lanes: Iterator[Lane]) -> Ladder:
        made = list[Lane]()
        for lane in lanes:
            lane.record()
            made.append(lane)
        return self._made(graph, made)

    def _made(self, graph: Graph, lanes: Sequence[Lane]) -> Ladder:
        normalises = self.normalises and gpu.takes_an_image(graph.signature)
        return Ladder(lanes, graph.signature, self.place, normalises=normalises)


class NotOnGpu(Exception):
    """ONNX Runtime opened a graph without the providers of the GPU."""
