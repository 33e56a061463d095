"""What an operation is: a step of a chain that turns one value into another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from pydantic import BaseModel

from shared.errors import InvalidRequest

Scope: TypeAlias = Mapping[str, Any]
"""Values that operands and parameters may name; ``_`` is the one in hand."""

CURRENT = "_"


class Operation(BaseModel):
    """Subclasses fix ``type`` and define ``apply``."""

    type: str

    def apply(self, value: Any, scope: Scope) -> Any:
        """The value that comes out. Raises InvalidRequest for a value that the operation cannot take."""
        raise self.refuse(value, "a value of another type")

    def refuse(self, value: Any, wanted: str) -> InvalidRequest:
        """The error for a value of the wrong type; shows the type only, as values may be large or secret."""
        return InvalidRequest(f"{self.type} takes {wanted}, not {type(value).__name__}.")


def named(scope: Scope, name: str) -> Any:
    """A value of the scope. Raises InvalidRequest for a name that nobody declared."""
    if name not in scope:
        known = ", ".join(sorted(scope)) or "none"
        raise InvalidRequest(f"There is no value named {name!r}; there are: {known}.")
    return scope[name]
