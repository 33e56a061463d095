"""Host memory that an NVIDIA GPU copies from and to at full speed, and these copies.

Pageable memory goes through a buffer of the driver's, which costs rate and a core. Pinned memory is slow to get and
cannot be swapped out, so it is kept for the next array of that size, within a limit.
"""

from __future__ import annotations

import ctypes
import logging
import math
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

try:
    from cuda.bindings import runtime as cudart
except ImportError:  # part of the extra `gpu` only
    cudart = None

log = logging.getLogger(__name__)
Array = npt.NDArray[Any]
WORTH_PINNING = 64 * 1024
"""Bytes; the driver sends smaller copies along with the command."""
GRAIN = 2**20
"""Blocks are whole multiples, so that a batch of another size finds them."""


class Move(NamedTuple):
    """So many bytes, from one address to another."""

    target: int
    source: int
    bytes: int


class Memory(Protocol):
    """What runs copy with."""

    def empty(self, shape: Sequence[int], dtype: npt.DTypeLike) -> Array:
        """An array to copy from or to."""

    def copy(self, moves: Iterable[Move]) -> None:
        """Copy between addresses, each of the host or of the device; returns when all is there.

        Raises:
            RuntimeError: the device refused.
        """


class Plain:
    """Where the graph runs on the processor."""

    def empty(self, shape: Sequence[int], dtype: npt.DTypeLike) -> Array:
        """As numpy makes it."""
        return np.empty(shape, dtype)

    def copy(self, moves: Iterable[Move]) -> None:
        """All addresses are the host's."""
        for target, source, count in moves:
            ctypes.memmove(target, source, count)


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

    def copy(self, moves: Iterable[Move]) -> None:
        """On a stream of this thread's own: it waits for no other copy and for no run."""
        stream, either_way = cudart.cudaStreamPerThread, cudart.cudaMemcpyKind.cudaMemcpyDefault
        for target, source, count in moves:
            _checked(cudart.cudaMemcpyAsync(target, source, count, either_way, stream))
        _checked(cudart.cudaStreamSynchronize(stream))

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


def pinned(limit: int) -> Pinned | None:
    """Memory of the first GPU's driver; None without cuda-bindings, which the extra ``gpu`` installs."""
    if cudart is None:
        log.info("cuda-bindings is not installed: runs and copies take turns; pip install cuda-bindings")
        return None
    everywhere = cudart.cudaHostAllocPortable

    def allocate(size: int) -> int:
        return int(_checked(cudart.cudaHostAlloc(size, everywhere))[0])

    def free(address: int) -> None:
        _checked(cudart.cudaFreeHost(address))

    return Pinned(limit, allocate, free)


def _checked(answer: tuple[Any, ...]) -> tuple[Any, ...]:
    """What follows the error code. Raises RuntimeError when it is one."""
    error, *rest = answer
    if error != cudart.cudaError_t.cudaSuccess:
        raise RuntimeError(f"CUDA refused: {error.name}")
    return tuple(rest)
