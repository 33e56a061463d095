"""Statements that are true or false of the values in scope."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import cv2
import numpy as np
from pydantic import BaseModel, Field

from shared.errors import InvalidRequest
from shared.workflows.uql.base import CURRENT, Scope, named

if TYPE_CHECKING:
    from shared.workflows.uql.language import AnyOperation

Token = Literal[
    "(Number) ==",
    "==",
    "(Number) !=",
    "!=",
    "(Number) >",
    "(Number) >=",
    "(Number) <",
    "(Number) <=",
    "(Number) in range",
    "(String) startsWith",
    "(String) endsWith",
    "(String) contains",
    "in (Sequence)",
    "any in (Sequence)",
    "all in (Sequence)",
    "(Detection) in zone",
]
UnaryToken = Literal[
    "Exists",
    "DoesNotExist",
    "(Boolean) is True",
    "(Boolean) is False",
    "(Sequence) is empty",
    "(Sequence) is not empty",
]


def in_zone(point: Any, zone: Any) -> bool:
    """Whether a point (x, y) is inside a polygon, its border excluded."""
    outline = np.asarray(zone, dtype=np.float32).reshape(-1, 1, 2)
    x, y = point
    return cv2.pointPolygonTest(outline, (float(x), float(y)), measureDist=False) > 0


COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "(Number) ==": lambda left, right: left == right,
    "==": lambda left, right: left == right,
    "(Number) !=": lambda left, right: left != right,
    "!=": lambda left, right: left != right,
    "(Number) >": lambda left, right: left > right,
    "(Number) >=": lambda left, right: left >= right,
    "(Number) <": lambda left, right: left < right,
    "(Number) <=": lambda left, right: left <= right,
    "(Number) in range": lambda left, right: right[0] <= left <= right[1],
    "(String) startsWith": lambda left, right: left.startswith(right),
    "(String) endsWith": lambda left, right: left.endswith(right),
    "(String) contains": lambda left, right: right in left,
    "in (Sequence)": lambda left, right: left in right,
    "any in (Sequence)": lambda left, right: any(item in right for item in left),
    "all in (Sequence)": lambda left, right: all(item in right for item in left),
    "(Detection) in zone": in_zone,
}
CHECK: Mapping[str, Callable[[Any], Any]] = {
    "Exists": lambda value: value is not None,
    "DoesNotExist": lambda value: value is None,
    "(Boolean) is True": lambda value: value is True,
    "(Boolean) is False": lambda value: value is False,
    "(Sequence) is empty": lambda value: len(value) == 0,
    "(Sequence) is not empty": lambda value: len(value) > 0,
}


class StaticOperand(BaseModel):
    """A value that stands in the definition."""

    type: Literal["StaticOperand"]
    value: Any
    operations: list[AnyOperation] = Field(default_factory=list)

    def resolve(self, scope: Scope) -> Any:
        """The value after its operations."""
        return chain(self.operations, self.value, scope)


class DynamicOperand(BaseModel):
    """A value of the scope."""

    type: Literal["DynamicOperand"]
    operand_name: str = CURRENT
    operations: list[AnyOperation] = Field(default_factory=list)

    def resolve(self, scope: Scope) -> Any:
        """The value after its operations. Raises InvalidRequest for a name that nobody declared."""
        return chain(self.operations, named(scope, self.operand_name), scope)


Operand: TypeAlias = Annotated[StaticOperand | DynamicOperand, Field(discriminator="type")]


class Comparator(BaseModel):
    """How two operands are compared."""

    type: Token


class Operator(BaseModel):
    """What is asked of one operand."""

    type: UnaryToken


class BinaryStatement(BaseModel):
    """Two operands compared."""

    type: Literal["BinaryStatement"]
    left_operand: Operand
    comparator: Comparator
    right_operand: Operand
    negate: bool = False

    def holds(self, scope: Scope) -> bool:
        """Raises InvalidRequest when the two cannot be compared so."""
        left, right = self.left_operand.resolve(scope), self.right_operand.resolve(scope)
        return _asked(self.comparator.type, lambda: COMPARE[self.comparator.type](left, right)) != self.negate


class UnaryStatement(BaseModel):
    """One operand looked at."""

    type: Literal["UnaryStatement"]
    operand: Operand
    operator: Operator
    negate: bool = False

    def holds(self, scope: Scope) -> bool:
        """Raises InvalidRequest when that cannot be asked of the operand."""
        value = self.operand.resolve(scope)
        return _asked(self.operator.type, lambda: CHECK[self.operator.type](value)) != self.negate


class StatementGroup(BaseModel):
    """Statements of which all (and) or one (or) must hold. All are looked at, so that an error never hides."""

    type: Literal["StatementGroup"]
    statements: list[Annotated[BinaryStatement | UnaryStatement | StatementGroup, Field(discriminator="type")]] = Field(
        min_length=1
    )
    operator: Literal["and", "or"] = "or"

    def holds(self, scope: Scope) -> bool:
        """Raises InvalidRequest when a member does."""
        verdicts = [statement.holds(scope) for statement in self.statements]
        return all(verdicts) if self.operator == "and" else any(verdicts)


def chain(operations: list[AnyOperation], value: Any, scope: Scope) -> Any:
    """The value after the operations, one after the other. Raises InvalidRequest."""
    for operation in operations:
        value = operation.apply(value, scope)
    return value


def _asked(token: str, question: Callable[[], Any]) -> bool:
    try:
        return bool(question())
    except (TypeError, ValueError, AttributeError, IndexError, KeyError, cv2.error):
        raise InvalidRequest(f"{token} cannot be asked of these values; convert them by operations first.") from None
