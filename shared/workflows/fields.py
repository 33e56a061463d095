"""Types for the fields of a block: literals and selectors, as pydantic checks them.

A selector is a string that points at an input or at another step's output:

    images: ImageRef                                      # a selector is required
    confidence: float | FractionRef = 0.4                 # a number or a selector
    zone: list[Any] | Annotated[str, Selector(kinds.ZONE, kinds.LIST)]
    data: dict[str, Annotated[str, Selector()]]           # selectors by name
    next_steps: list[StepRef]                             # control flow

``slots`` tells the compiler which kinds a field takes, in itself, in its list items or in its dict values.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, core_schema

from shared.workflows import kinds

STEP_NAME = r"[A-Za-z_\-0-9]+"
INPUT_PATTERN = rf"^\$inputs\.{STEP_NAME}$"
OUTPUT_PATTERN = rf"^\$steps\.{STEP_NAME}\.[A-Za-z_*0-9\-]+$"
STEP_PATTERN = rf"^\$steps\.{STEP_NAME}$"
VALUE_PATTERN = f"{INPUT_PATTERN}|{OUTPUT_PATTERN}"

Place = Literal["self", "item", "value"]


class Selector:
    """Marks a string as a selector of something that has one of the kinds (any, when none is given)."""

    def __init__(self, *names: str, step: bool = False) -> None:
        self.kinds = kinds.known(names or (kinds.ANY,))
        self.step = step

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        del source, handler
        return core_schema.str_schema(pattern=STEP_PATTERN if self.step else VALUE_PATTERN)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        shown = dict(handler(schema))
        shown["reference"] = True
        shown["selected_element"] = "step" if self.step else "any_data"
        shown["kind"] = [] if self.step else [kinds.describe(name) for name in self.kinds]
        return shown


AnyRef: TypeAlias = Annotated[str, Selector()]
StepRef: TypeAlias = Annotated[str, Selector(step=True)]
ImageRef: TypeAlias = Annotated[str, Selector(kinds.IMAGE)]
BoxesRef: TypeAlias = Annotated[str, Selector(*kinds.BOXES)]
ObjectsRef: TypeAlias = Annotated[str, Selector(kinds.OBJECTS)]
InstancesRef: TypeAlias = Annotated[str, Selector(kinds.INSTANCES)]
ObjectsOrInstancesRef: TypeAlias = Annotated[str, Selector(kinds.OBJECTS, kinds.INSTANCES)]
VisualRef: TypeAlias = Annotated[str, Selector(*kinds.BOXES, kinds.RLE_INSTANCES)]
"""What most visualisations draw."""
BoolRef: TypeAlias = Annotated[str, Selector(kinds.BOOLEAN)]
IntRef: TypeAlias = Annotated[str, Selector(kinds.INTEGER)]
FloatRef: TypeAlias = Annotated[str, Selector(kinds.FLOAT)]
FractionRef: TypeAlias = Annotated[str, Selector(kinds.FRACTION)]
StrRef: TypeAlias = Annotated[str, Selector(kinds.STRING)]
ListRef: TypeAlias = Annotated[str, Selector(kinds.LIST)]
DictRef: TypeAlias = Annotated[str, Selector(kinds.DICTIONARY)]
ModelIdRef: TypeAlias = Annotated[str, Selector(kinds.MODEL_ID)]
SecretRef: TypeAlias = Annotated[str, Selector(kinds.STRING, kinds.SECRET)]


@dataclass(frozen=True)
class Slot:
    """Where a field takes selectors, and of what kinds; ``literal`` tells whether plain values fit there too."""

    place: Place
    kinds: tuple[str, ...]
    step: bool
    literal: bool


def slots(field: FieldInfo) -> dict[Place, Slot]:
    """The places of a field that take selectors."""
    annotation = field.annotation
    for extra in field.metadata:  # pydantic takes Annotated apart at the top
        annotation = Annotated[annotation, extra]  # type: ignore[assignment] # rebuilt for the walk
    found: dict[Place, Slot] = {}
    for place, alternatives in _places(annotation):
        selectors = [selector for one in alternatives if (selector := _selector(one)) is not None]
        if selectors:
            names = tuple(dict.fromkeys(name for selector in selectors for name in selector.kinds))
            literal = any(map(_is_literal, alternatives))
            found[place] = Slot(place, names, any(selector.step for selector in selectors), literal)
    return found


def alternatives_of(annotation: Any) -> list[Any]:
    """The members of a union, or the annotation alone."""
    if get_origin(annotation) in (Union, types.UnionType):
        return [member for one in get_args(annotation) for member in alternatives_of(one)]
    if get_origin(annotation) is Annotated and _selector(annotation) is None:
        return alternatives_of(get_args(annotation)[0])
    return [annotation]


def _places(annotation: Any) -> Iterator[tuple[Place, list[Any]]]:
    tops = alternatives_of(annotation)
    yield "self", tops
    lists = [get_args(one)[0] for one in tops if get_origin(one) in (list, tuple, set) and get_args(one)]
    dicts = [get_args(one)[1] for one in tops if get_origin(one) is dict]
    if lists:
        yield "item", [member for one in lists for member in alternatives_of(one)]
    if dicts:  # a list of step selectors may stand as a value, as in switch_case's peers
        yield "value", [member for one in dicts for member in alternatives_of(one)]


def _is_literal(annotation: Any) -> bool:
    """Whether plain values fit: not None alone, no selector, and no list or dictionary of nothing but selectors."""
    if annotation is type(None) or _selector(annotation) is not None:
        return False
    members = [member for one in get_args(annotation)[-1:] for member in alternatives_of(one)]
    return get_origin(annotation) not in (list, tuple, set, dict) or not all(map(_selector, members)) or not members


def _selector(annotation: Any) -> Selector | None:
    if get_origin(annotation) is not Annotated:
        return None
    return next((extra for extra in get_args(annotation)[1:] if isinstance(extra, Selector)), None)


def is_selector(value: Any) -> bool:
    """Whether the value points at something, rather than being something."""
    return isinstance(value, str) and value.startswith("$")


class StepFields(BaseModel):
    """Base of every block's ``Fields``; ``name`` is the step's, ``type`` is filled in from the block's ids."""

    type: str
    name: str
