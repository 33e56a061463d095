"""Operations on sequences, and lookups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence, Sized
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from typing_extensions import override

from shared.errors import InvalidRequest
from shared.workflows.uql.base import Operation, Scope

if TYPE_CHECKING:
    from shared.workflows.uql.language import AnyOperation

LONGEST_TEXT = 1_000_000


class _OnSequence(Operation):
    def items(self, value: Any) -> list[Any]:
        if isinstance(value, bytes) or not isinstance(value, (Sequence, set, np.ndarray)):
            raise self.refuse(value, "a sequence")
        return list(value)


class LookupTable(Operation):
    """The entry for the value."""

    type: Literal["LookupTable"]
    lookup_table: dict[str | int | float | bool, Any]

    @override
    def apply(self, value: Any, scope: Scope) -> Any:
        return looked_up(self, self.lookup_table, value)


class SequenceMap(_OnSequence):
    """The entry for each element."""

    type: Literal["SequenceMap"]
    lookup_table: dict[str | int | float | bool, Any]

    @override
    def apply(self, value: Any, scope: Scope) -> list[Any]:
        return [looked_up(self, self.lookup_table, item) for item in self.items(value)]


def looked_up(operation: Operation, table: dict[Any, Any], value: Any) -> Any:
    """An entry, also under the text of the value, since keys of JSON are texts. Raises InvalidRequest."""
    for key in (value, str(value)):
        if isinstance(key, Hashable) and key in table:
            return table[key]
    raise InvalidRequest(f"{operation.type} has no entry for {str(value)[:80]!r}.")


class SequenceApply(_OnSequence):
    """A chain of operations for each element."""

    type: Literal["SequenceApply"]
    operations: list[AnyOperation]

    @override
    def apply(self, value: Any, scope: Scope) -> list[Any]:
        made = self.items(value)
        for operation in self.operations:
            made = [operation.apply(item, scope) for item in made]
        return made


class NumericSequenceAggregate(_OnSequence):
    """The least, the greatest or the sum; the neutral value of an empty sequence."""

    type: Literal["NumericSequenceAggregate"]
    function: Literal["min", "max", "sum"]
    neutral_value: int | float | None = None

    @override
    def apply(self, value: Any, scope: Scope) -> Any:
        items = self.items(value)
        if not items:
            return self.neutral_value
        try:
            return sum(items) if self.function == "sum" else (min if self.function == "min" else max)(items)
        except TypeError:
            raise InvalidRequest("NumericSequenceAggregate takes a sequence of numbers.") from None


class SequenceAggregate(_OnSequence):
    """One element: by place, or by how often it is there (of equals, the first)."""

    type: Literal["SequenceAggregate"]
    mode: Literal["first", "last", "most_common", "least_common"]

    @override
    def apply(self, value: Any, scope: Scope) -> Any:
        items = self.items(value)
        if not items:
            raise InvalidRequest("SequenceAggregate cannot take an element of an empty sequence.")
        if self.mode in ("first", "last"):
            return items[0 if self.mode == "first" else -1]
        counts = counted(self, items)
        pick = max if self.mode == "most_common" else min
        return pick(counts, key=lambda item: counts[item])


class SequenceLength(Operation):
    """How many elements, characters or detections."""

    type: Literal["SequenceLength"]

    @override
    def apply(self, value: Any, scope: Scope) -> int:
        if not isinstance(value, Sized):
            raise self.refuse(value, "something that has a length")
        return len(value)


class SequenceElementsCount(_OnSequence):
    """How often each element is there, by its text."""

    type: Literal["SequenceElementsCount"]

    @override
    def apply(self, value: Any, scope: Scope) -> dict[str, int]:
        return dict(Counter(str(item) for item in self.items(value)))


class SequenceJoin(_OnSequence):
    """One text of the elements' texts."""

    type: Literal["SequenceJoin"]
    separator: str = ", "

    @override
    def apply(self, value: Any, scope: Scope) -> str:
        joined = self.separator.join(str(item) for item in self.items(value))
        if len(joined) > LONGEST_TEXT:
            raise InvalidRequest(f"SequenceJoin makes texts of at most {LONGEST_TEXT} characters.")
        return joined


def counted(operation: Operation, items: list[Any]) -> Counter[Any]:
    """How often each is there, in the order of first sight. Raises InvalidRequest for what cannot be counted."""
    try:
        return Counter(items)
    except TypeError:
        raise InvalidRequest(f"{operation.type} compares texts, numbers and booleans only.") from None
