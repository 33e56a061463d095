"""Places that a decoder names one after the other: what is written are not words but coordinates and sizes.

They take their steps in the loop as texts do. Each is a number behind the vocabulary: of a coordinate its bin, of a
size the bins of width and height. Two nets read them from what the decoder has in mind, two others tell it what they
were.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from shared.errors import ModelLoadFailed
from worker_service.engine.artifacts import Package
from worker_service.engine.generation.search import OVER, Reason, Step
from worker_service.engine.runtime.session import Runtime, Session, numpy_dtype

Array = npt.NDArray[Any]
GRAPHS = ("coord_encoder.onnx", "coord_decoder.onnx", "size_encoder.onnx", "size_decoder.onnx")
MOST = 50
"""Places named at most, as in the reference."""
OCTAVES = 10
"""Sizes are powers of two, from the share 2 ** -OCTAVES of a side to all of it."""


class Places:
    """The nets of coordinates and sizes, for a vocabulary of so many tokens."""

    def __init__(self, package: Package, runtime: Runtime, vocabulary: int) -> None:
        """Raises ModelLoadFailed."""
        opened = [runtime.open(package.graph(name)) for name in GRAPHS]
        self._say_at, self._read_at, self._say_size, self._read_size = opened
        self._vocabulary = vocabulary
        size = self._read_at.signature.inputs[0].shape[-1]
        if not isinstance(size, int):
            raise ModelLoadFailed(f"The size of the features that {GRAPHS[1]} reads is left open.")
        probe = np.zeros((1, size), np.float32)
        self._bins = int(_run(self._read_at, probe).shape[-1])
        self._sizes = int(_run(self._read_size, probe).shape[-1])
        for first in (vocabulary, vocabulary + self._bins):  # a graph that fails does so at load
            self.embedded(first)

    def coordinate(self, mind: Array) -> int:
        """The number of the coordinate that [size] features tell."""
        return self._vocabulary + int(_run(self._read_at, mind[None])[0].argmax())

    def size(self, mind: Array) -> int:
        """The number of the size that they tell."""
        wide, tall = map(int, _run(self._read_size, mind[None])[0].argmax(axis=-1))
        return self._vocabulary + self._bins + wide * self._sizes + tall

    def embedded(self, number: int) -> Array:
        """[size] what the decoder is told of it."""
        values = self.shares(number)
        net = self._say_at if len(values) == 1 else self._say_size
        told: Array = _run(net, np.array([values], np.float32))[0]
        return told

    def shares(self, number: int) -> tuple[float, ...]:
        """A coordinate, or width and height, as shares of the image's side."""
        at = number - self._vocabulary
        if at < self._bins:
            return (at / self._bins,)
        steps = np.array(divmod(at - self._bins, self._sizes), np.float32) / np.float32(self._sizes - 1)
        wide, tall = np.exp2(steps * np.float32(OCTAVES) - np.float32(OCTAVES)).tolist()
        return (float(wide), float(tall))

    def points(self, numbers: Sequence[int]) -> npt.NDArray[np.float64]:
        """[n, 2] x and y, as shares of the image."""
        whole = [self.shares(number)[0] for number in numbers[: len(numbers) // 2 * 2]]
        return np.array(whole, np.float64).reshape(-1, 2)

    def boxes(self, numbers: Sequence[int]) -> npt.NDArray[np.float64]:
        """[n, 4] corners, as shares of the image; they may lie outside."""
        made = []
        for i in range(0, len(numbers) // 3 * 3, 3):
            x, y, (wide, tall) = *map(self._at, numbers[i : i + 2]), self.shares(numbers[i + 2])
            made.append((x - wide / 2, y - tall / 2, x + wide / 2, y + tall / 2))
        return np.array(made, np.float64).reshape(-1, 4)

    def _at(self, number: int) -> float:
        return self.shares(number)[0]


class Regions:
    """Names places until there is none: x and y of each, and its size where it is a box."""

    width = 1

    def __init__(self, places: Places, vocabulary: int, eos: frozenset[int], most: int, *, sized: bool) -> None:
        self.ids: list[int] = []
        self.reason: Reason = "length"
        self._places, self._vocabulary, self._eos = places, vocabulary, eos
        self._each = 3 if sized else 2
        self._most = most * self._each

    def advance(self, values: Array) -> Step:
        """One number more, from [1, vocabulary + size] logits and features."""
        place, mind = len(self.ids) % self._each, values[0, self._vocabulary :]
        if place == 0 and int(values[0, : self._vocabulary].argmax()) in self._eos:
            self.reason = "stop"
            return OVER
        if len(self.ids) >= self._most:
            return OVER
        self.ids.append(self._places.size(mind) if place == 2 else self._places.coordinate(mind))
        return Step([0], self.ids[-1:])


def _run(session: Session, values: Array) -> Array:
    spec = session.signature.inputs[0]
    return np.asarray(session.run({spec.name: values.astype(numpy_dtype(spec), copy=False)})[0], np.float32)
