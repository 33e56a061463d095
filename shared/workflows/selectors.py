"""What a field of a step is filled from: literals, inputs and outputs of other steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from typing_extensions import override

from shared.workflows.fields import Place, is_selector

INPUTS = "$inputs."
STEPS = "$steps."


@dataclass(frozen=True)
class Ref:
    """``$inputs.name``, or ``$steps.name.output``; an output ``*`` is all of them."""

    name: str
    output: str | None = None

    @property
    def is_input(self) -> bool:
        """Whether it points at an input of the workflow."""
        return self.output is None

    @override
    def __str__(self) -> str:
        return f"{INPUTS}{self.name}" if self.is_input else f"{STEPS}{self.name}.{self.output}"


Template: TypeAlias = Any
"""A literal, a Ref, or a list or dict of such."""


def parse(text: Any) -> Ref | None:
    """The Ref that a text is, or None for anything else."""
    if not is_selector(text):
        return None
    parts = text.split(".")
    if parts[0] == "$inputs" and len(parts) == 2:
        return Ref(parts[1])
    if parts[0] == "$steps" and len(parts) == 3:
        return Ref(parts[1], parts[2])
    return None


def step_name(text: Any) -> str | None:
    """The step that ``$steps.name`` stands for, or None for anything else."""
    if not isinstance(text, str) or not text.startswith(STEPS) or text.count(".") != 1:
        return None
    return text.removeprefix(STEPS)


def template(value: Any, places: set[Place]) -> Template:
    """A field's value with selectors as Refs, where its type takes them."""
    if "self" in places and (ref := parse(value)) is not None:
        return ref
    if "item" in places and isinstance(value, (list, tuple)):
        return [parse(item) or item for item in value]
    if "value" in places and isinstance(value, dict):
        return {key: parse(item) or item for key, item in value.items()}
    return value


def refs(filled: Template) -> Iterator[tuple[Place, Ref]]:
    """The Refs in a template, and where they stand."""
    if isinstance(filled, Ref):
        yield "self", filled
    elif isinstance(filled, list):
        yield from (("item", item) for item in filled if isinstance(item, Ref))
    elif isinstance(filled, dict):
        yield from (("value", item) for item in filled.values() if isinstance(item, Ref))
