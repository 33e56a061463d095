"""Host memory that an NVIDIA GPU copies from and to at full speed.

Pageable memory goes through a buffer of the driver's, which costs rate and a core. Pinned memory is slow to get and
cannot be swapped out, so it is kept for the next array of that size, within a limit.
"""

from __future__ import annotations

import logging
import math
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from worker_service.engine.runtime.cuda import checked, cudart

log = logging.getLogger(__name__)
Array = npt.NDArray[Any]
WORTH_PINNING = 64 * 1024
"""Bytes; the driver sends smaller copies along with the command."""
GRAIN = 2**20
"""Blocks are whole multiples, so that a batch of another size finds them."""


class Memory(Protocol):
    """Makes the arrays that runs copy from and to."""

    def empty(self, shape: Sequence[int], dtype: npt.DTypeLike) -> Array:
        """An array to copy from or to."""


class Plain:
    """Where the graph runs on the processor."""

    def empty(self, shape: Sequence[int], dtype: npt.DTypeLike) -> Array:
        """As numpy makes it."""
        return np.empty(shape, dtype)


class Block:
    """Lends memory to numpy and calls ``back`` when the last array on it is gone."""

    def __init__(self, address: int, size: int, back: Callable[[], None]) -> None:
        self.__array_interface__ = {"data": (address, False), "shape": (size,), "typestr": "|u1", "version": 3}
        self._back = back

    def __del__(self) -> None:
        self._back()


class Pinned:
    """Pinned arrays, at most ``limit`` bytes of them; beyond, and where the driver refuses, they are numpy's own."""

    def __init__(self, limit: int, allocate: Callable[[int], int], free: Callable[[int], None]) -> None:
        self._limit = limit
        self._allocate = allocate
        self._free = free
        self._taken = 0
        self._idle: dict[int, deque[int]] = defaultdict(deque)  # size -> addresses; appended to by whoever drops one
        self._lock = threading.Lock()

    def empty(self, shape: Sequence[int], dtype: npt.DTypeLike) -> Array:
        """Pinned when it is large enough to gain by it and there is room."""
        count = math.prod(shape) * np.dtype(dtype).itemsize
        size = -(-count // GRAIN) * GRAIN
        address = self._take(size) if count >= WORTH_PINNING else None
        if address is None:
            return np.empty(shape, dtype)
        block = Block(address, size, lambda: self._idle[size].append(address))
        return np.asarray(block)[:count].view(dtype).reshape(shape)

    def _take(self, size: int) -> int | None:
        with self._lock:
            if self._idle[size]:
                return self._idle[size].pop()
            if not self._make_room(size):
                return None
            try:
                address = self._allocate(size)
            except RuntimeError as error:
                log.warning("%s; copies to the GPU go on with pageable memory, more slowly", error)
                return None
            self._taken += size
            return address

    def _make_room(self, size: int) -> bool:
        """Free blocks of other sizes until so many bytes fit; False when too much is in use."""
        while self._taken + size > self._limit:
            kept = next((kept for kept, addresses in self._idle.items() if addresses), None)
            if kept is None:
                return False
            self._free(self._idle[kept].pop())
            self._taken -= kept
        return True


def pinned(limit: int) -> Pinned:
    """Memory of the first GPU's driver."""
    everywhere = cudart.cudaHostAllocPortable

    def allocate(size: int) -> int:
        return int(checked(cudart.cudaHostAlloc(size, everywhere))[0])

    def free(address: int) -> None:
        checked(cudart.cudaFreeHost(address))

    return Pinned(limit, allocate, free)
