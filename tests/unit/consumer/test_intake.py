"""Which streams a worker reads, and in which order."""

from __future__ import annotations

from collections import Counter

from worker_service.consumer.intake import FAIR_EVERY, streams_of


def test_no_models_no_streams() -> None:
    assert streams_of([], "cpu") == []


def test_urgent_lanes_come_first_for_every_model() -> None:
    assert streams_of(["a", "b"], "cpu")[:4] == [
        "vf:q:cpu:live:a",
        "vf:q:any:live:a",
        "vf:q:cpu:live:b",
        "vf:q:any:live:b",
    ]
    assert streams_of(["a"], "cpu")[-1] == "vf:q:any:bulk:a"


def test_every_model_comes_first_equally_often() -> None:
    first = Counter(streams_of(["a", "b", "c"], "cpu", turn)[0] for turn in range(24) if turn % FAIR_EVERY != 7)
    assert first["vf:q:cpu:live:a"] == first["vf:q:cpu:live:b"] == first["vf:q:cpu:live:c"] == 7


def test_now_and_then_the_bulk_comes_before_the_normal() -> None:
    firsts = [streams_of(["a"], "cpu", turn, ("normal", "bulk"))[0] for turn in range(2 * FAIR_EVERY)]
    assert firsts.count("vf:q:cpu:bulk:a") == 2
