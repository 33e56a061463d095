"""What ``sensitive.py`` takes for an explanation, on graphs that are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.parity import golden
from tests.parity.sensitive import explained
from worker_service.engine.family import Prepared
from worker_service.engine.vision.fit import NOWHERE

TENSOR = np.random.default_rng(4).uniform(0.5, 1, (3, 8, 8)).astype(np.float32)


class Rounding:
    """Answers the sum of its input in steps: a last bit moves it by a whole step where it lies between two."""

    def __init__(self, steps: float) -> None:
        self._steps = steps

    def infer(self, batch: list[Prepared]) -> list[tuple[Any, ...]]:
        """One output per item."""
        sums = [item.tensors["x"].astype(np.float64).sum() for item in batch]
        return [(np.array([np.round(total * self._steps) / self._steps], np.float64),) for total in sums]


def verdict(steps: float, output: float) -> bool:
    item = Prepared({"x": TENSOR}, NOWHERE, (8, 8))
    arrays = {"p/input": golden.sample(TENSOR), "p/output0/dense": np.array([output])}
    ok, _, _ = explained(Rounding(steps), item, arrays, "p")  # type: ignore[arg-type]
    return ok


def edge(total: float) -> float:
    """Steps per unit at which a sum lies right between two steps."""
    return (np.floor(total) + 0.5) / total


@pytest.mark.parametrize("places", [1, -1])
def test_a_step_that_noise_takes_too_is_explained(places: int) -> None:
    total = float(TENSOR.astype(np.float64).sum())
    steps = edge(total)
    near = np.round(total * steps) / steps
    assert verdict(steps, near)
    other = {near - 1 / steps, near + 1 / steps}
    assert any(verdict(steps, value) for value in other)
    assert not verdict(steps, near + places * 3 / steps)


def test_a_difference_that_noise_does_not_make_is_not() -> None:
    total = float(TENSOR.astype(np.float64).sum())
    assert verdict(1e4, np.round(total * 1e4) / 1e4)
    assert not verdict(1e4, np.round(total * 1e4) / 1e4 + 0.01)
