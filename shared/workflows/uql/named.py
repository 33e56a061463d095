"""Values by name, each after its own chain of operations: what messages, tables and expressions are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.workflows.uql.language import AnyOperation
from shared.workflows.uql.statements import chain


def prepared(data: Mapping[str, Any], operations: Mapping[str, list[AnyOperation]]) -> dict[str, Any]:
    """The values after the operations of their names. Raises InvalidRequest."""
    return {name: chain(operations.get(name, []), value, {}) for name, value in data.items()}
