"""Our own kernels on an NVIDIA GPU: ``kernels.cu``, which is kept compiled beside it (PTX, for any card)."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

from worker_service.engine.runtime.cuda import checked, driver
from worker_service.engine.runtime.scale import Pixels

COMPILED = Path(__file__).with_name("kernels.ptx")
BLOCK = 256
"""Threads that start together."""

_ADDRESSES = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_ulonglong)
_SCALE = (ctypes.c_uint, ctypes.c_uint, *(ctypes.c_float,) * 6)


class Kernels:
    """Loaded into the context of the calling thread's device. Methods ask a stream; they raise RuntimeError."""

    def __init__(self) -> None:
        (module,) = checked(driver.cuModuleLoadData(COMPILED.read_bytes() + b"\0"))
        names = ("normalise_float32", "normalise_float16", "widen")
        self._kernels = {name: checked(driver.cuModuleGetFunction(module, name.encode()))[0] for name in names}

    def normalise(self, stream: int, target: int, source: int, pixels: Pixels) -> None:
        """Values [count, 3, plane] from pixels [count, plane, 3]."""
        total, scale = pixels.count * pixels.plane, pixels.scale
        values = (target, source, total, pixels.plane, int(scale.reversed), *scale.factor, *scale.shift)
        self._launch(f"normalise_{pixels.dtype}", stream, total, values, (*_ADDRESSES, *_SCALE))

    def widen(self, stream: int, target: int, source: int, count: int) -> None:
        """So many float32 from as many float16."""
        self._launch("widen", stream, count, (target, source, count), _ADDRESSES)

    def _launch(self, name: str, stream: int, total: int, values: tuple[Any, ...], types: tuple[Any, ...]) -> None:
        blocks = -(-total // BLOCK)
        checked(driver.cuLaunchKernel(self._kernels[name], blocks, 1, 1, BLOCK, 1, 1, 0, stream, (values, types), 0))
