"""Every block says what its identifier means to existing definitions: the table in tests/golden/workflow_blocks.json.

The table holds names, types, defaults and kinds only. A field's row is [alternatives, required, default].
"""

from __future__ import annotations

import enum
import json
import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
from pydantic import BaseModel, TypeAdapter

from shared.workflows import kinds
from shared.workflows.block import OTHER_NAMES, Block
from shared.workflows.catalog import core, unique
from shared.workflows.fields import AnyRef, Selector, StepFields, alternatives_of
from tests.architecture.tree import ROOT

GOLDEN: dict[str, dict[str, Any]] = json.loads((ROOT / "tests/golden/workflow_blocks.json").read_text())
BLOCKS = unique(core())
OURS = {"hardware"}
"""Fields that our blocks have beside those of the table: where a model step should run."""

# (identifier, field) -> why its row is not the table's
EXCEPTIONS: dict[tuple[str, str], str] = {
    (
        "roboflow_core/depth_estimation@v1",
        "model_version",
    ): "any model that estimates depth",
    ("roboflow_core/clip@v1", "version"): "any CLIP that the fleet has",
    ("roboflow_core/clip_comparison@v2", "version"): "as above",
    ("roboflow_core/perception_encoder@v1", "version"): "any encoder that the fleet has",
}


def ids(block: type[Block]) -> str:
    return block.ids[0]


@pytest.mark.parametrize("block", BLOCKS, ids=ids)
def test_the_block_is_the_table_s(block: type[Block]) -> None:
    golden = GOLDEN[block.ids[0]]
    spec = block.spec
    assert list(block.ids[1:]) == golden["aliases"]
    assert block.category == golden["category"]
    assert {name: sorted(names) for name, names in block.outputs.items()} == {
        name: sorted(names) for name, names in golden["outputs"].items()
    }
    assert set(spec.slots) - OURS == set(golden["fields"])
    assert block.output_offset == golden["output_offset"]
    assert {name: n for name, n in block.input_offsets.items() if n} == golden["input_offsets"]
    assert block.reference == golden["reference"]
    assert block.accepts_empty == golden["accepts_empty"]
    assert block.engine == golden["engine"]
    for trait in ("batch", "batch_or_scalar", "auto_batch"):
        # v1 of the dataset upload has its field's other name there
        named = [name if name in spec.slots else OTHER_NAMES[name] for name in golden[trait]]
        assert sorted(getattr(block, trait)) == sorted(named), trait


@pytest.mark.parametrize("block", BLOCKS, ids=ids)
def test_the_fields_are_the_table_s(block: type[Block]) -> None:
    wrong = {}
    for name, (alternatives, required, default) in GOLDEN[block.ids[0]]["fields"].items():
        info = block.spec.manifest.model_fields[name]
        annotation: Any = (
            Annotated.__class_getitem__((info.annotation, *info.metadata)) if info.metadata else info.annotation
        )
        ours = {
            "required": info.is_required(),
            "default": None if info.is_required() else plain(info.get_default(call_default_factory=True)),
            "types": shape(annotation),
        }
        table = {"required": required, "default": default, "types": table_shape(alternatives)}
        if default is None and ours["default"] in ([], {}):
            ours["default"] = None  # the table does not show what a factory makes
        if ours != table and (block.ids[0], name) not in EXCEPTIONS:
            wrong[name] = {key: (ours[key], table[key]) for key in ours if ours[key] != table[key]}
    assert wrong == {}, "ours, the table's"


@pytest.mark.parametrize("block", BLOCKS, ids=ids)
def test_the_block_explains_itself(block: type[Block]) -> None:
    assert block.label
    assert block.summary.endswith(".")
    assert block.__doc__
    schema = block.spec.manifest.model_json_schema()
    json.dumps(schema)
    assert set(schema["properties"]) == {"type", "name", *block.spec.slots}


def plain(value: Any) -> Any:
    made: Any = TypeAdapter(Any).dump_python(value, mode="json")
    return made


def shape(annotation: Any) -> dict[str, Any]:
    """What a field takes: literals, enumerated words, and kinds by place, as the table would say it."""
    found = nothing()
    for one in alternatives_of(annotation):
        selector = selector_of(one)
        if selector is not None:
            found["steps" if selector.step else "self"] |= {"self"} if selector.step else set(selector.kinds)
        elif get_origin(one) is Literal:
            found["words"] |= set(map(str, get_args(one)))
        elif isinstance(one, type) and issubclass(one, enum.Enum):
            found["plain"].add("model")
        else:
            found["plain"].add(word(one))
            inner(one, found)
    return found


def nothing() -> dict[str, Any]:
    return {name: set() for name in ("plain", "words", "self", "item", "value", "steps")}


def inner(one: Any, found: dict[str, Any]) -> None:
    origin, args = get_origin(one), get_args(one)
    place = {list: "item", tuple: "item", set: "item", dict: "value"}.get(origin)
    if place is None or not args:
        return
    for member in alternatives_of(args[1] if origin is dict else args[0]):
        selector = selector_of(member)
        if selector is not None:
            found["steps" if selector.step else place] |= {place} if selector.step else set(selector.kinds)


def word(one: Any) -> str:
    if isinstance(one, type) and issubclass(one, BaseModel):
        return "model"
    names = {int: "integer", float: "number", str: "string", bool: "boolean", Any: "any", type(None): "null"}
    names |= {list: "list", tuple: "list", dict: "dict"}
    base = get_origin(one) or one
    if base is Annotated:
        return word(get_args(one)[0])
    if base in (Union, types.UnionType):
        return "model"
    return names[base]


def selector_of(one: Any) -> Selector | None:
    if get_origin(one) is not Annotated:
        return None
    return next((extra for extra in get_args(one)[1:] if isinstance(extra, Selector)), None)


def table_shape(alternatives: list[str]) -> dict[str, Any]:
    found = nothing()
    for one in alternatives:
        table_alternative(one, found)
    return found


def table_alternative(one: str, found: dict[str, Any]) -> None:
    if one.startswith(("list<", "dict<")):
        base, place = ("list", "item") if one.startswith("list<") else ("dict", "value")
        found["plain"].add(base)
        for member in one[5:-1].split(","):
            table_selector(member, place, found)
    elif one.startswith(("enum{", "=")):
        found["words"] |= {one[1:]} if one.startswith("=") else set(one[5:-1].split(","))
    elif not table_selector(one, "self", found):
        known = ("integer", "number", "string", "boolean", "null", "any")
        found["plain"].add("dict" if one == "object" else one if one in known else "model")


def table_selector(one: str, place: str, found: dict[str, Any]) -> bool:
    if one.startswith("sel["):
        found[place] |= set(one[4:-1].split("|"))
    if one == "STEPSEL":
        found["steps"].add(place)
    return one.startswith("sel[") or one == "STEPSEL"


def test_the_table_knows_only_kinds_that_we_declare() -> None:
    names = {name for row in GOLDEN.values() for found in row["outputs"].values() for name in found}
    assert kinds.known(sorted(names))
    assert len(GOLDEN) == 234


def test_no_identifier_of_ours_is_outside_the_table() -> None:
    assert [block.ids[0] for block in BLOCKS if block.ids[0] not in GOLDEN] == []
    assert core().unavailable == {}


def test_a_block_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(ValueError, match="there are no fields"):

        class Broken(Block):
            ids = ("tests/broken@v1",)
            batch = ("nowhere",)

            class Fields(StepFields):
                text: str

            def run(self, text: str) -> dict[str, Any]:
                return {}


@pytest.mark.parametrize(
    ("attributes", "why"),
    [
        ({"output_offset": 2}, "output_offset is"),
        ({"output_offset": -2}, "output_offset is"),
        ({"input_offsets": {"parts": -1}, "reference": "whole"}, "input offsets are"),
        ({"input_offsets": {"parts": 2}, "reference": "whole"}, "input offsets are"),
        ({"input_offsets": {"parts": 1}}, "needs a reference"),
        ({"input_offsets": {"parts": 1, "whole": 1}, "reference": "whole"}, "reference's offset is 0"),
        ({"input_offsets": {"parts": 1}, "reference": "whole", "output_offset": 1}, "exclude each other"),
    ],
)
def test_levels_that_cannot_be_are_refused(attributes: dict[str, Any], why: str) -> None:
    class Compared(StepFields):
        whole: AnyRef
        parts: AnyRef

    def run(self: Block, whole: Any, parts: Any) -> dict[str, Any]:
        return {}

    members = {"__module__": __name__, "ids": ("tests/levels@v1",), "Fields": Compared, "run": run}
    with pytest.raises(ValueError, match=why):
        type("Levels", (Block,), {**members, **attributes})
