"""Operations on numbers, and to numbers and booleans."""

from __future__ import annotations

import random
from numbers import Real
from typing import Any, Literal

from typing_extensions import override

from shared.errors import InvalidRequest
from shared.workflows.uql.base import Operation, Scope


class _OnNumber(Operation):
    def number(self, value: Any) -> float:
        if not isinstance(value, Real) or isinstance(value, bool):
            raise self.refuse(value, "a number")
        made: float = value  # type: ignore[assignment] # ints stay ints
        return made


class ToNumber(Operation):
    """A text or number as float, or as int without its fraction."""

    type: Literal["ToNumber"]
    cast_to: Literal["int", "float"]

    @override
    def apply(self, value: Any, scope: Scope) -> float:
        try:
            made = float(value)
            return int(made) if self.cast_to == "int" else made
        except (TypeError, ValueError, OverflowError):
            raise InvalidRequest(f"ToNumber cannot read a number in this {type(value).__name__}.") from None


class ToBoolean(Operation):
    """Zero, nothing and what is empty are false, all else is true."""

    type: Literal["ToBoolean"]

    @override
    def apply(self, value: Any, scope: Scope) -> bool:
        try:
            return bool(value)
        except ValueError:  # arrays of several values
            raise self.refuse(value, "a value that is true or false") from None


class NumberRound(_OnNumber):
    """To so many decimals; a half goes to the even neighbour."""

    type: Literal["NumberRound"]
    decimal_digits: int

    @override
    def apply(self, value: Any, scope: Scope) -> float:
        return round(self.number(value), self.decimal_digits)


class Multiply(_OnNumber):
    """Times ``other``."""

    type: Literal["Multiply"]
    other: int | float

    @override
    def apply(self, value: Any, scope: Scope) -> float:
        return self.number(value) * self.other


class Divide(_OnNumber):
    """By ``other``."""

    type: Literal["Divide"]
    other: int | float

    @override
    def apply(self, value: Any, scope: Scope) -> float:
        if self.other == 0:
            raise InvalidRequest("Divide cannot divide by 0.")
        return self.number(value) / self.other


class RandomNumber(Operation):
    """Any number between the two, whatever comes in."""

    type: Literal["RandomNumber"]
    min_value: float = 0.0
    max_value: float = 1.0

    @override
    def apply(self, value: Any, scope: Scope) -> float:
        return random.uniform(self.min_value, self.max_value)  # noqa: S311 - sampling, no secret
