"""What models remember of images between requests: bounded in bytes, the least recently used leaves first.

A process remembers by itself; beside that it may have a shelf that it shares with the others of its pool, so that an
image that one worker has embedded need not be embedded by the next.
"""

from __future__ import annotations

import io
import logging
from collections import OrderedDict
from collections.abc import Mapping
from hashlib import sha256
from threading import Lock
from typing import Any, Protocol
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

log = logging.getLogger(__name__)

Arrays = dict[str, npt.NDArray[Any]]


class Shelf(Protocol):
    """What the workers of a pool share. Neither method raises: what cannot be had is not there."""

    def get(self, key: str) -> bytes | None:
        """What was put there, unless it has left."""
        ...

    def put(self, key: str, data: bytes) -> None:
        """Keep it for a while."""
        ...


class Remembered:
    """Arrays by key. All methods may be called from several threads."""

    def __init__(self, max_bytes: int, shelf: Shelf | None, owner: str) -> None:
        """``owner`` goes before every key of the shelf: what one model has made is of no use to another."""
        self._max_bytes = max_bytes
        self._shelf = shelf
        self._owner = owner
        self._held: OrderedDict[str, Arrays] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    @property
    def bytes(self) -> int:
        """Memory that is held now."""
        return self._bytes

    def get(self, key: str) -> Arrays | None:
        """What is known of the key, here or on the shelf."""
        with self._lock:
            held = self._held.get(key)
            if held is not None:
                self._held.move_to_end(key)
                return held
        data = self._shelf.get(self._name(key)) if self._shelf is not None else None
        found = None if data is None else unpack(data)
        if found is not None:
            self._keep(key, found)
        return found

    def put(self, key: str, arrays: Arrays) -> None:
        """Remember it, here and on the shelf."""
        self._keep(key, arrays)
        if self._shelf is not None:
            self._shelf.put(self._name(key), pack(arrays))

    def _name(self, key: str) -> str:
        return sha256(f"{self._owner}\n{key}".encode()).hexdigest()

    def _keep(self, key: str, arrays: Arrays) -> None:
        with self._lock:
            self._bytes += size_of(arrays) - size_of(self._held.pop(key, {}))
            self._held[key] = arrays
            while self._bytes > self._max_bytes and self._held:
                _, gone = self._held.popitem(last=False)
                self._bytes -= size_of(gone)


def size_of(arrays: Mapping[str, npt.NDArray[Any]]) -> int:
    """Bytes of all of them."""
    return sum(array.nbytes for array in arrays.values())


def pack(arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Arrays as a .npz file."""
    file = io.BytesIO()
    named: dict[str, Any] = {f"a.{name}": array for name, array in arrays.items()}
    np.savez(file, **named)
    return file.getvalue()


def unpack(data: bytes) -> Arrays | None:
    """The arrays of such a file; None when it is none. Objects, which would be pickled, are refused."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            return {name.removeprefix("a."): file[name] for name in file.files}
    except (ValueError, OSError, EOFError, BadZipFile, KeyError):
        log.warning("what was remembered cannot be read; it is made anew")
        return None
