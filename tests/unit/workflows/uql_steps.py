"""Short ways to write operations and statements."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from shared.workflows.uql import AnyOperation, chain

CHAIN: TypeAdapter[list[Any]] = TypeAdapter(list[AnyOperation])


def run(value: Any, *operations: Any, **scope: Any) -> Any:
    steps = [{"type": step} if isinstance(step, str) else step for step in operations]
    return chain(CHAIN.validate_python(steps), value, scope)


def op(name: str, **fields: Any) -> dict[str, Any]:
    return {"type": name, **fields}


def statement(left: Any, comparator: str, right: Any, **more: Any) -> dict[str, Any]:
    return {
        "type": "BinaryStatement",
        "left_operand": left,
        "comparator": {"type": comparator},
        "right_operand": right,
        **more,
    }


def group(*statements: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "StatementGroup", "statements": list(statements), **more}


def static(value: Any, *operations: Any) -> dict[str, Any]:
    return {"type": "StaticOperand", "value": value, "operations": list(operations)}


def dynamic(name: str | None = None, *operations: Any) -> dict[str, Any]:
    named = {} if name is None else {"operand_name": name}
    return {"type": "DynamicOperand", "operations": list(operations), **named}
