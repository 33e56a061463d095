"""Any valid graph runs, in any order with the same result; any broken one is refused, and the error says where."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.workflows import errors
from shared.workflows.batch import Batch
from shared.workflows.block import Block, FlowControl
from shared.workflows.compiler import compile_workflow
from shared.workflows.executor import Executor
from shared.workflows.fields import AnyRef, StepFields, StepRef
from shared.workflows.session import Session
from shared.workflows.testing import with_blocks
from tests.unit.workflows.stubs import ANYTHING, Join, define, numbers, parameter, step

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Fan(Block):
    """None, one or two parts, by the length of the value."""

    ids = ("test/fan@v1",)
    category = "transformation"
    outputs = ANYTHING
    output_offset = 1

    class Fields(StepFields):
        value: AnyRef

    def run(self, value: Any) -> list[dict[str, Any]]:
        return [{"output": f"{value}{i}"} for i in range(len(str(value)) % 3)]


class Parity(Block):
    """Goes on for values of odd length."""

    ids = ("test/parity@v1",)
    category = "flow_control"

    class Fields(StepFields):
        value: AnyRef
        next_steps: list[StepRef]

    def run(self, value: Any, next_steps: list[str]) -> FlowControl:
        return FlowControl(next_steps if len(str(value)) % 2 else None)


class Mixed(Block):
    """A value with all its parts, from a level below."""

    ids = ("test/mixed@v1",)
    category = "fusion"
    outputs = ANYTHING
    batch = ("whole", "parts")
    reference = "whole"
    input_offsets = {"parts": 1}

    class Fields(StepFields):
        whole: AnyRef
        parts: AnyRef

    def run(self, whole: Batch[Any], parts: Batch[Batch[Any]]) -> list[dict[str, Any]]:
        return [{"output": f"{one}<{','.join(map(str, below))}>"} for one, below in zip(whole, parts, strict=True)]


CATALOG = with_blocks(Join, Fan, Parity, Mixed)
COLLAPSE = "roboflow_core/dimension_collapse@v1"
ROOT = ("$inputs",)


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, Any]:
    """A valid definition of up to a dozen steps; what each value's elements are is kept beside it."""
    known: list[tuple[str, tuple[str, ...]]] = [("$inputs.n", ROOT), ("$inputs.p", ())]
    steps: list[dict[str, Any]] = []
    lineages: dict[str, tuple[str, ...]] = {}
    for number in range(draw(st.integers(1, 9))):
        name = f"s{number}"
        selector, lineage = draw(st.sampled_from(known))
        kind = draw(st.sampled_from(["join", "join", "fan", "collapse", "mixed"]))
        if kind == "fan" and 1 <= len(lineage) < 4:
            steps.append(step("fan", name, value=selector))
            made, runs_on = (*lineage, f"$steps.{name}"), lineage
        elif kind == "collapse" and lineage:
            steps.append(step(COLLAPSE, name, data=selector))
            made, runs_on = lineage[:-1], lineage
        elif kind == "mixed" and len(lineage) > 1:
            above = [one for one, other in known if other == lineage[:-1]]
            steps.append(step("mixed", name, whole=draw(st.sampled_from(above)), parts=selector))
            made = runs_on = lineage[:-1]
        else:
            fitting = [one for one, other in known if other in (lineage, ())]
            steps.append(step("join", name, parts=[selector, *draw(st.lists(st.sampled_from(fitting), max_size=2))]))
            made = runs_on = lineage
        known.append((f"$steps.{name}.output", made))
        lineages[name] = runs_on
    for number, index in enumerate(draw(st.lists(st.integers(0, len(steps) - 1), max_size=3, unique=True))):
        target = steps[index]["name"]
        before = {"$inputs.n", "$inputs.p", *(f"$steps.{one['name']}.output" for one in steps[:index])}
        allowed = [one for one, lin in known if one in before and lineages[target][: len(lin)] == lin]
        if allowed:
            value = draw(st.sampled_from(allowed))
            steps.append(step("parity", f"g{number}", value=value, next_steps=[f"$steps.{target}"]))
    outputs = {one["name"]: f"$steps.{one['name']}.output" for one in steps if not one["name"].startswith("g")}
    shuffled = draw(st.permutations(steps))
    return define([numbers(), parameter(default_value="pp")], list(shuffled), **outputs)


def run(definition: dict[str, Any], values: list[Any], executor: Executor) -> list[dict[str, Any]]:
    plan = compile_workflow(definition, CATALOG)
    with Session(plan, executor=executor) as session:
        return session.run({"n": values}).outputs


@QUICK
@given(graphs(), st.lists(st.text("ab", max_size=3), min_size=1, max_size=3), st.integers(0, 2**32))
def test_any_order_gives_the_same(definition: dict[str, Any], values: list[str], seed: int) -> None:
    shuffle = random.Random(seed)

    def pick(ready: list[str]) -> list[str]:
        return shuffle.sample(ready, len(ready))

    side_by_side = Executor(3, pick)
    try:
        expected = run(definition, values, Executor(1))
        assert run(definition, values, Executor(1, pick)) == expected
        assert run(definition, values, side_by_side) == expected
    finally:
        side_by_side.close()
    assert len(expected) == (len(values) if any("$inputs" in str(v) for v in definition["outputs"]) else len(expected))


FANS = [step("fan", "fan_one", value="$inputs.n"), step("fan", "fan_two", value="$steps.fan_one.output")]
OTHER = step("fan", "other", value="$inputs.n")
ADDED: dict[str, list[dict[str, Any]]] = {
    # parts of two different steps do not go together
    "lineage": [FANS[0], OTHER, step("join", "broken", parts=["$steps.fan_one.output", "$steps.other.output"])],
    # more than one level apart
    "level": [*FANS, step("mixed", "broken", whole="$inputs.n", parts="$steps.fan_two.output")],
    # a gate per part over a step that runs per element
    "gate": [
        FANS[0],
        step("join", "target", parts=["$inputs.n"]),
        step("parity", "broken", value="$steps.fan_one.output", next_steps=["$steps.target"]),
    ],
    "next": [step("parity", "broken", value="$inputs.n", next_steps=["$steps.nowhere"])],
}
"""Steps that make any definition wrong."""


def break_it(definition: dict[str, Any], how: str, index: int) -> None:
    steps: list[dict[str, Any]] = definition["steps"]
    one = steps[index % len(steps)]
    field = next(name for name in ("parts", "value", "data") if name in one)
    other = steps[(index + 1) % len(steps)]["name"]
    selectors = {
        "nowhere": "$steps.nowhere.output",
        "input": "$inputs.nowhere",
        "output": f"$steps.{other}.none",
        "circle": f"$steps.{one['name']}.output",
    }
    if how in selectors:
        one[field] = [selectors[how]] if field == "parts" and one["type"] == "test/join@v1" else selectors[how]
    elif how == "type":
        one["type"] = "test/none@v1"
    elif how == "missing":
        del one[field]
    elif how == "name":
        one["name"] = "not a name"
    elif how == "twice":
        steps.append(dict(one))
    else:
        steps += ADDED[how]


@QUICK
@given(
    graphs(),
    st.sampled_from(["type", "missing", "nowhere", "input", "output", "circle", "twice", "name", *ADDED]),
    st.integers(0, 20),
)
def test_anything_broken_is_refused_and_located(definition: dict[str, Any], how: str, index: int) -> None:
    names = {one["name"] for one in definition["steps"]}
    break_it(definition, how, index)
    with pytest.raises(errors.DefinitionError) as caught:
        compile_workflow(definition, CATALOG)
    blamed = {block["block_id"] for block in caught.value.blocks}
    assert blamed & (names | {"broken", "not a name", "target"}) or any(name in caught.value.message for name in names)
