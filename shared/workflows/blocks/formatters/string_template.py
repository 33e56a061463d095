"""Fill values into a text."""

from __future__ import annotations

from string import Formatter
from typing import Any

from pydantic import Field

from shared.errors import InvalidRequest
from shared.workflows import kinds
from shared.workflows.block import Block
from shared.workflows.fields import AnyRef, StepFields, StrRef
from shared.workflows.uql import AnyOperation
from shared.workflows.uql.named import prepared

LONGEST = 1_000_000
WIDEST = 3  # digits of a width or precision: "{x:>999}" at most


class StringTemplate(Block):
    """``"{count} cars"`` with count 3 is "3 cars"; double braces stand for themselves."""

    ids = ("roboflow_core/string_template@v1",)
    label = "String Template"
    summary = "Fill values into a text."
    category = "formatter"
    outputs = {"output": (kinds.STRING,)}

    class Fields(StepFields):
        """``data`` by name, each after the operations of its name."""

        template: StrRef | str
        data: dict[str, AnyRef | str | int | float | bool] = Field(default_factory=dict)
        data_operations: dict[str, list[AnyOperation]] = Field(default_factory=dict)

    def run(
        self, template: str, data: dict[str, Any], data_operations: dict[str, list[AnyOperation]]
    ) -> dict[str, Any]:
        """Raises InvalidRequest for a template that cannot be filled."""
        return {"output": fill(template, prepared(data, data_operations))}


def fill(template: str, values: dict[str, Any]) -> str:
    """The text. Names only: attributes and items would lead into the server. Raises InvalidRequest."""
    try:
        for _, name, spec, _ in Formatter().parse(template):
            _check(name, spec or "", values)
        filled = template.format(**values)
    except (ValueError, TypeError, IndexError) as error:
        raise InvalidRequest(f"The template cannot be filled: {error}.") from error
    if len(filled) > LONGEST:
        raise InvalidRequest(f"The filled template is longer than {LONGEST} characters.")
    return filled


def _check(name: str | None, spec: str, values: dict[str, Any]) -> None:
    if name is None:
        return
    if not name.isidentifier():
        raise InvalidRequest(f"The template takes names in braces, without attributes or items, not {name!r}.")
    if name not in values:
        raise InvalidRequest(
            f"The template names {name!r}, and the data has: {', '.join(sorted(values)) or 'nothing'}."
        )
    longest = max((len(digits) for digits in _digits(spec)), default=0)
    if "{" in spec or longest > WIDEST:
        raise InvalidRequest(f"The template's format {spec!r} is nested or too wide.")


def _digits(spec: str) -> list[str]:
    return "".join(character if character.isdigit() else " " for character in spec).split()
