"""Work of the device in order. It is asked for and goes on by itself; only ``wait`` waits.

A batch takes a stream of its own for its copies and that of a session for its run, so that the card computes one batch
while the next one arrives and the last one leaves, and no thread stands between two runs.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from worker_service.engine.runtime.cuda import checked, cudart
from worker_service.engine.runtime.kernels import Kernels
from worker_service.engine.runtime.scale import Pixels


class Move(NamedTuple):
    """So many bytes, from one address to another, each of the host or of the device."""

    target: int
    source: int
    bytes: int


class Stream(Protocol):
    """Every method but ``wait`` returns before it is done. All raise RuntimeError when the device refuses."""

    @property
    def handle(self) -> int:
        """What ONNX Runtime calls the stream by."""
        ...

    def copy(self, moves: Iterable[Move]) -> None:
        """Copy, in order; memory of the host must stay as it is until then."""
        ...

    def normalise(self, target: int, source: int, pixels: Pixels) -> None:
        """Values from pixels."""
        ...

    def widen(self, target: int, source: int, count: int) -> None:
        """So many float32 from as many float16."""
        ...

    def record(self, run: Callable[[], object]) -> Callable[[], None]:
        """Note what ``run`` asks of this stream, without doing it; the answer asks for all of it at once."""
        ...

    def after(self, other: Stream) -> None:
        """What is asked for from now on begins when all that was asked of the other one is done."""
        ...

    def mark(self) -> Any:
        """An event: all that was asked for so far is done. It is the stream's only one, and good until the next."""
        ...

    def wait(self) -> None:
        """Until all that was asked for is done; the thread sleeps meanwhile."""
        ...


class CudaStream:
    """A stream of the first GPU, with an event of its own."""

    def __init__(self, handle: Any, event: Any, kernels: Kernels) -> None:
        self._stream = handle
        self._event = event
        self._kernels = kernels

    @property
    def handle(self) -> int:
        """See ``Stream``; so are the others."""
        return int(self._stream)

    def copy(self, moves: Iterable[Move]) -> None:
        """See ``Stream``."""
        either_way = cudart.cudaMemcpyKind.cudaMemcpyDefault
        for target, source, count in moves:
            checked(cudart.cudaMemcpyAsync(target, source, count, either_way, self._stream))

    def normalise(self, target: int, source: int, pixels: Pixels) -> None:
        """See ``Stream``."""
        self._kernels.normalise(self.handle, target, source, pixels)

    def widen(self, target: int, source: int, count: int) -> None:
        """See ``Stream``."""
        self._kernels.widen(self.handle, target, source, count)

    def record(self, run: Callable[[], object]) -> Callable[[], None]:
        """See ``Stream``. Other threads may allocate meanwhile: the mode is ``Relaxed``."""
        checked(cudart.cudaStreamBeginCapture(self._stream, cudart.cudaStreamCaptureMode.cudaStreamCaptureModeRelaxed))
        try:
            run()
        except BaseException:
            with contextlib.suppress(RuntimeError):  # it says only that the recording is no good
                checked(cudart.cudaStreamEndCapture(self._stream))
            raise
        (graph,) = checked(cudart.cudaStreamEndCapture(self._stream))
        (ready,) = checked(cudart.cudaGraphInstantiate(graph, 0))
        checked(cudart.cudaGraphDestroy(graph))
        replay = Replay(ready, self._stream)
        weakref.finalize(replay, cudart.cudaGraphExecDestroy, ready).atexit = False
        return replay.ask

    def after(self, other: Stream) -> None:
        """See ``Stream``."""
        checked(cudart.cudaStreamWaitEvent(self._stream, other.mark(), 0))

    def mark(self) -> Any:
        """See ``Stream``."""
        checked(cudart.cudaEventRecord(self._event, self._stream))
        return self._event

    def wait(self) -> None:
        """See ``Stream``."""
        checked(cudart.cudaEventSynchronize(self.mark()))


@dataclass(frozen=True)
class Replay:
    """A recorded run."""

    ready: Any
    stream: Any

    def ask(self) -> None:
        """For all of it at once."""
        checked(cudart.cudaGraphLaunch(self.ready, self.stream))


class CudaStreams:
    """Streams are kept for the next one who asks: a session that ran in the last one may still be on its way out."""

    def __init__(self) -> None:
        checked(cudart.cudaSetDevice(0))
        self._kernels = Kernels()
        self._idle: list[tuple[Any, Any]] = []

    def make(self) -> CudaStream:
        """One that nobody uses. Raises RuntimeError when the device refuses."""
        try:
            made = self._idle.pop()
        except IndexError:
            (handle,) = checked(cudart.cudaStreamCreateWithFlags(cudart.cudaStreamNonBlocking))
            # Who waits for an event sleeps: spinning takes a core for every batch that is on its way.
            flags = cudart.cudaEventDisableTiming | cudart.cudaEventBlockingSync
            (event,) = checked(cudart.cudaEventCreateWithFlags(flags))
            made = (handle, event)
        stream = CudaStream(*made, self._kernels)
        weakref.finalize(stream, self._idle.append, made).atexit = False
        return stream
