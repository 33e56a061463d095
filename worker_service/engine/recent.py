"""What was made last, to be had again: few things by key, the least recently used leaves first.

As ``lru_cache``, but who makes a thing is told with each question: a cache that held a method of its own owner would
keep the owner, and with it the memory of a model that has been let go, until the garbage collector comes by.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """May be asked from several threads; two that ask for the same new thing may both make it."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: OrderedDict[Hashable, T] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """What is held under the key, else what ``make`` returns. Raises what it raises; nothing is held then."""
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]
        made = make()
        with self._lock:
            self._held[key] = made
            self._held.move_to_end(key)
            if len(self._held) > self._most:
                self._held.popitem(last=False)
        return made
