"""A short run of bench.fuzz: every reader, a few dozen inputs; the long one is ``python -m bench.fuzz``."""

from __future__ import annotations

import warnings

import pytest

from bench.fuzz.__main__ import run
from bench.fuzz.targets import TARGETS, Target


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_nothing_but_refusals(target: Target) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # libraries comment on broken files
        row = run(target, examples=40, seed=7)
    assert row["inputs"] >= 40


def test_a_reader_that_raises_is_found() -> None:
    broken = Target("broken", TARGETS[0].inputs, lambda data: data[3], (ValueError,))
    with pytest.raises(IndexError):
        run(broken, examples=40, seed=7)
