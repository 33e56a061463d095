"""Values by name, each after its own chain of operations: what messages, tables and expressions are made of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from shared.workflows.uql.language import AnyOperation
from shared.workflows.uql.statements import chain

PLACEHOLDER = re.compile(r"{{\s*\$parameters\.(\w+)\s*}}")


def prepared(data: Mapping[str, Any], operations: Mapping[str, list[AnyOperation]]) -> dict[str, Any]:
    """The values after the operations of their names. Raises InvalidRequest."""
    return {name: chain(operations.get(name, []), value, {}) for name, value in data.items()}


def filled(text: str, parameters: Mapping[str, Any], operations: Mapping[str, list[AnyOperation]]) -> str:
    """The text with its parameters; placeholders of unknown names stay as they are."""
    values = {
        name: str(chain(operations.get(name, []), value, {})) for name, value in parameters.items() if name in text
    }
    return PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), text)
