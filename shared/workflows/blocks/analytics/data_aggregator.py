"""Sum up values over time."""

from __future__ import annotations

from collections import Counter
from typing import Any, Literal

from pydantic import Field
from typing_extensions import override

from shared.errors import InvalidRequest
from shared.workflows import kinds
from shared.workflows.block import STATEFUL, Block, Outputs
from shared.workflows.fields import AnyRef, StepFields
from shared.workflows.uql import AnyOperation
from shared.workflows.uql.named import prepared

Mode = Literal["sum", "avg", "max", "min", "count", "distinct", "count_distinct", "values_counts", "values_difference"]
SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600}
KIND: dict[str, str] = {
    "sum": kinds.FLOAT,
    "avg": kinds.FLOAT,
    "max": kinds.FLOAT,
    "min": kinds.FLOAT,
    "count": kinds.INTEGER,
    "distinct": kinds.LIST,
    "count_distinct": kinds.INTEGER,
    "values_counts": kinds.DICTIONARY,
    "values_difference": kinds.FLOAT,
}
MOST_VALUES = 100_000
"""Different values that are told apart for one name; more are a mistake in the definition."""


class Aggregate:
    """What has been seen of one value since the interval began; lists and sets count by their elements."""

    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0
        self.numbers: list[float] = []  # least, greatest, first, last
        self.values: Counter[Any] = Counter()

    def add(self, value: Any, modes: list[str]) -> None:
        """Take in a value. Raises InvalidRequest when it cannot be aggregated so."""
        for item in value if isinstance(value, (list, tuple, set)) else [value]:
            self.count += 1
            if {"sum", "avg", "max", "min", "values_difference"} & set(modes):
                self._number(item)
            if {"distinct", "count_distinct", "values_counts"} & set(modes):
                self._value(item)

    def result(self, mode: str) -> Any:
        """None for the average, the extremes and the difference of nothing."""
        if mode in ("max", "min", "values_difference", "avg") and not self.numbers:
            return None
        made: dict[str, Any] = {
            "sum": lambda: self.total,
            "avg": lambda: self.total / self.count,
            "max": lambda: self.numbers[1],
            "min": lambda: self.numbers[0],
            "count": lambda: self.count,
            "distinct": lambda: list(self.values),
            "count_distinct": lambda: len(self.values),
            "values_counts": lambda: dict(self.values),
            "values_difference": lambda: self.numbers[3] - self.numbers[2],
        }
        return made[mode]()

    def _number(self, item: Any) -> None:
        try:
            number = item if isinstance(item, (int, float)) else float(item)
        except (TypeError, ValueError):
            raise InvalidRequest(f"The data aggregator takes numbers here, not {type(item).__name__}.") from None
        self.total += number
        low, high, first, _ = self.numbers or [number] * 4
        self.numbers = [min(low, number), max(high, number), first, number]

    def _value(self, item: Any) -> None:
        try:
            self.values[item] += 1
        except TypeError:
            raise InvalidRequest("The data aggregator tells texts, numbers and booleans apart only.") from None
        if len(self.values) > MOST_VALUES:
            raise InvalidRequest(f"The data aggregator tells at most {MOST_VALUES} values apart.")


class DataAggregator(Block):
    """At the end of each interval it answers with the sums and begins anew; in between its outputs are empty."""

    ids = ("roboflow_core/data_aggregator@v1",)
    label = "Data Aggregator"
    summary = "Sum up values over time."
    category = "analytics"
    outputs = {"*": (kinds.ANY,)}
    stateful = True
    restrictions = (STATEFUL,)

    class Fields(StepFields):
        """Outputs are called ``<name>_<mode>``; ``runs`` counts runs of this step."""

        data: dict[str, AnyRef]
        data_operations: dict[str, list[AnyOperation]] = Field(default_factory=dict)
        aggregation_mode: dict[str, list[Mode]]
        interval_unit: Literal["seconds", "minutes", "hours", "runs"] = "seconds"
        interval: int = Field(gt=0)

    _began: float | None = None
    _runs = 0

    @override
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._seen: dict[str, Aggregate] = {}

    @override
    @classmethod
    def actual_outputs(cls, step: StepFields) -> Outputs:
        modes: dict[str, list[str]] = getattr(step, "aggregation_mode", {})
        return {f"{name}_{mode}": (KIND[mode],) for name, chosen in modes.items() for mode in chosen}

    def run(
        self,
        data: dict[str, Any],
        data_operations: dict[str, list[AnyOperation]],
        aggregation_mode: dict[str, list[str]],
        interval_unit: str,
        interval: int,
    ) -> dict[str, Any]:
        """The sums at the end of an interval, None else. Raises InvalidRequest for values that do not add up."""
        values = prepared(data, data_operations)
        with self.services.lock:
            if self._began is None:
                self._began = self.services.monotonic()
            for name, modes in aggregation_mode.items():
                if name not in values:
                    raise InvalidRequest(f"aggregation_mode names {name!r}, which is not in data.")
                self._seen.setdefault(name, Aggregate()).add(values[name], modes)
            self._runs += 1
            if not self._over(interval_unit, interval):
                return {f"{name}_{mode}": None for name, modes in aggregation_mode.items() for mode in modes}
            sums = {
                f"{name}_{mode}": self._seen[name].result(mode)
                for name, modes in aggregation_mode.items()
                for mode in modes
            }
            self._seen, self._began, self._runs = {}, self.services.monotonic(), 0
        return sums

    def _over(self, unit: str, interval: int) -> bool:
        if unit == "runs":
            return self._runs >= interval
        return self.services.monotonic() - (self._began or 0.0) >= interval * SECONDS[unit]
