"""The processor in the GPU's place: what is asked of a stream is done at once, in memory of the host."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
import pytest

from worker_service.engine.runtime import session
from worker_service.engine.runtime.gpu import CUDA
from worker_service.engine.runtime.memory import Plain
from worker_service.engine.runtime.place import Place
from worker_service.engine.runtime.scale import Pixels
from worker_service.engine.runtime.stream import Move, Stream


class HostStream:
    """A ``Stream``."""

    handle = 0

    def copy(self, moves: Iterable[Move]) -> None:
        for move in moves:
            ctypes.memmove(*move)

    def normalise(self, target: int, source: int, pixels: Pixels) -> None:
        scale, (factor, shift) = pixels.scale, (np.float32(v) for v in (pixels.scale.factor, pixels.scale.shift))
        found = at(source, (pixels.count, pixels.plane, 3), np.uint8)[..., :: -1 if scale.reversed else 1]
        values = (found * factor + shift).astype(pixels.dtype)
        at(target, (pixels.count, 3, pixels.plane), pixels.dtype)[:] = values.transpose(0, 2, 1)

    def widen(self, target: int, source: int, count: int) -> None:
        at(target, (count,), np.float32)[:] = at(source, (count,), np.float16)

    def record(self, run: Callable[[], object]) -> Callable[[], None]:
        def replay() -> None:
            run()

        return replay

    def after(self, other: Stream) -> None:
        pass

    def mark(self) -> None:
        pass

    def wait(self) -> None:
        pass


def at(address: int, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """What lies there."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return np.frombuffer((ctypes.c_char * size).from_address(address), dtype).reshape(shape)


HOST = Place("cpu", HostStream, Plain())


def pretend(monkeypatch: pytest.MonkeyPatch, refuse: str = "") -> list[dict[str, str]]:
    """Have sessions on a GPU that is the processor; CUDA's options of each. One is refused that has ``refuse``."""
    real, given = ort.InferenceSession, list[dict[str, str]]()

    def open_(path: str, options: Any = None, providers: Any = None) -> Any:
        opened = real(path, options, providers=["CPUExecutionProvider"])
        if providers != ["CPUExecutionProvider"]:
            given.append(dict(providers)[CUDA])
            if refuse in given[-1]:
                raise RuntimeError("not all nodes are on the GPU")
            names = [name for name, _ in providers]
            monkeypatch.setattr(opened, "get_providers", lambda: names, raising=False)
        return opened

    monkeypatch.setattr(ort, "get_available_providers", lambda: ["TensorrtExecutionProvider", CUDA])
    monkeypatch.setattr(ort, "InferenceSession", open_)
    monkeypatch.setattr(session, "first_gpu", lambda _: HOST)
    return given
