"""Which pictures strategies pick, and what batches are called."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from shared.datasets.batch import Batching, batch_name
from shared.datasets.strategy import Strategy

Row = dict[str, Any]
ADAPTER: Any = TypeAdapter(Strategy)


def row(name: str, confidence: float, **more: Any) -> Row:
    return {"class": name, "confidence": confidence, **more}


def box(name: str, confidence: float) -> Row:
    return row(name, confidence, x=1, y=1, width=1, height=1)


def picks(kind: str, rows: list[Row], chance: float = 0.0, **fields: Any) -> bool:
    made = ADAPTER.validate_python({"name": "s", "type": kind, **fields})
    return bool(made.picks(rows, lambda: chance))


def test_random_takes_its_share() -> None:
    assert picks("random", [], 0.09, traffic_percentage=0.1)
    assert not picks("random", [], 0.1, traffic_percentage=0.1)
    assert not picks("random", [], 0.0, traffic_percentage=0.0)


@pytest.mark.parametrize(
    ("rows", "fields", "expected"),
    [
        ([box("a", 0.45)], {}, True),
        ([box("a", 0.7)], {}, False),
        ([box("a", 0.75)], {"epsilon": 0.25}, False),  # the distance must be less than epsilon
        ([box("a", 0.45)], {"selected_class_names": ["b"]}, False),
        ([box("a", 0.45)], {"minimum_objects_close_to_threshold": 2}, False),
        ([box("a", 0.45), box("b", 0.52)], {"minimum_objects_close_to_threshold": 2}, True),
        ([row("a", 0.9), row("b", 0.5)], {}, False),  # a classification: the best class alone counts
        ([row("a", 0.9), row("b", 0.5)], {"only_top_classes": False}, True),
    ],
)
def test_close_to_threshold(rows: list[Row], fields: Row, expected: bool) -> None:
    common = {"threshold": 0.5, "epsilon": 0.1, "probability": 1.0}
    assert picks("close_to_threshold", rows, **{**common, **fields}) is expected
    assert not picks("close_to_threshold", rows, **{**common, **fields, "probability": 0.0})


def test_classes_based() -> None:
    assert picks("classes_based", [row("a", 0.9)], selected_class_names=["a"], probability=1.0)
    assert not picks("classes_based", [row("b", 0.9)], selected_class_names=["a"], probability=1.0)


@pytest.mark.parametrize(
    ("fields", "counts"),
    [
        ({"more_than": 1, "less_than": 4}, [2, 3]),
        ({"more_than": 2}, [3, 4]),
        ({"less_than": 2}, [0, 1]),
        ({"less_than": 1, "selected_class_names": ["b"]}, [0, 1, 2, 3, 4]),
    ],
)
def test_detections_number_based(fields: Row, counts: list[int]) -> None:
    found = [n for n in range(5) if picks("detections_number_based", [box("a", 0.9)] * n, probability=1.0, **fields)]
    assert found == counts


@pytest.mark.parametrize("fields", [{"more_than": 3, "less_than": 4}, {"probability": 2}, {"nonsense": 1}])
def test_what_cannot_be_is_refused(fields: Row) -> None:
    with pytest.raises(ValidationError):
        ADAPTER.validate_python({"name": "s", "type": "detections_number_based", "probability": 1, **fields})


@pytest.mark.parametrize(
    ("interval", "name"),
    [("never", "p"), ("daily", "p_2026_11_26"), ("weekly", "p_2026_11_23"), ("monthly", "p_2026_11_01")],
)
def test_a_batch_is_called_after_the_first_day_of_its_interval(interval: Any, name: str) -> None:
    batching = Batching(batches_name_prefix="p", recreation_interval=interval)
    assert batch_name(batching, datetime(2026, 11, 26, 13, tzinfo=timezone.utc)) == name
