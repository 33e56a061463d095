"""Pinned memory is lent to numpy and taken back; here it comes from ctypes, as no test has a GPU."""

from __future__ import annotations

import ctypes
import gc

import numpy as np

from worker_service.engine.runtime.memory import GRAIN, WORTH_PINNING, Pinned


class Driver:
    """Gives memory away and notes what came back."""

    def __init__(self) -> None:
        self.given: dict[int, ctypes.Array[ctypes.c_char]] = {}
        self.freed: list[int] = []
        self.full = False

    def allocate(self, size: int) -> int:
        if self.full:
            raise RuntimeError("CUDA refused: cudaErrorMemoryAllocation")
        block = ctypes.create_string_buffer(size)
        self.given[ctypes.addressof(block)] = block
        return ctypes.addressof(block)

    def free(self, address: int) -> None:
        self.freed.append(address)
        del self.given[address]

    def memory(self, limit: int) -> Pinned:
        return Pinned(limit, self.allocate, self.free)


def address(array: np.ndarray) -> int:
    return array.ctypes.data


def test_memory_is_lent_again_when_the_last_view_is_gone() -> None:
    driver = Driver()
    memory = driver.memory(8 * GRAIN)
    first = memory.empty((3, GRAIN // 16), np.float32)
    at = address(first)
    assert at in driver.given
    first[:] = 7
    row = first[2]
    del first
    gc.collect()
    second = memory.empty((3, GRAIN // 16), np.float32)
    assert address(second) != at  # a view still looks at it
    assert (row == 7).all()
    del row
    gc.collect()
    assert address(memory.empty((GRAIN // 8,), np.float16)) == at  # the same block serves what needs as much
    assert len(driver.given) == 2


def test_small_arrays_are_not_worth_it() -> None:
    driver = Driver()
    driver.memory(8 * GRAIN).empty((WORTH_PINNING - 1,), np.uint8)
    assert not driver.given


def test_beyond_the_limit_idle_blocks_make_room_and_then_arrays_are_plain() -> None:
    driver = Driver()
    memory = driver.memory(3 * GRAIN)
    memory.empty((GRAIN,), np.uint8)
    (idle,) = driver.given
    large = memory.empty((3 * GRAIN,), np.uint8)
    assert driver.freed == [idle]
    assert address(large) in driver.given
    assert address(memory.empty((GRAIN,), np.uint8)) not in driver.given


def test_a_driver_that_refuses_leaves_plain_arrays() -> None:
    driver = Driver()
    driver.full = True
    array = driver.memory(8 * GRAIN).empty((GRAIN,), np.uint8)
    array[:] = 1
    assert not driver.given
