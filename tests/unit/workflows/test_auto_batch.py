"""Blocks that take one element or all, raise a level, lower it or keep it, given single values, elements and parts.

A matrix of what stub blocks answer with, worked out from the rules: single values beside elements are repeated, alone
they make a batch of one, and flow control at any level leaves elements out.
"""

from __future__ import annotations

from typing import Any

import pytest

from shared.workflows.batch import Batch
from shared.workflows.block import Block
from shared.workflows.fields import AnyRef, StepFields
from shared.workflows.testing import run_workflow
from tests.unit.workflows.stubs import ALL, ANYTHING, define, numbers, parameter, step


def text(value: Any) -> str:
    """Batches as [a b], compounds as their parts."""
    if isinstance(value, Batch):
        return f"[{' '.join(map(text, value))}]"
    if isinstance(value, dict):
        return ",".join(f"{key}={text(item)}" for key, item in value.items())
    return ",".join(map(text, value)) if isinstance(value, list) else str(value)


class Base(Block):
    category = "transformation"
    outputs = ANYTHING

    class Fields(StepFields):
        x: AnyRef | list[AnyRef] | dict[str, AnyRef]


class One(Base):
    ids = ("test/one@v1",)

    def run(self, x: Any) -> dict[str, Any]:
        return {"output": text(x)}


class OneUp(Base):
    ids = ("test/one_up@v1",)
    output_offset = 1

    def run(self, x: Any) -> list[dict[str, Any]]:
        return [{"output": f"{text(x)}{mark}"} for mark in "ab"]


class OneDown(Base):
    ids = ("test/one_down@v1",)
    output_offset = -1
    auto_batch = ("x",)

    def run(self, x: Any) -> dict[str, Any]:
        return {"output": text(x)}


class Many(Base):
    """``x`` comes as a batch, or as a compound of batches."""

    ids = ("test/many@v1",)
    batch = ("x",)

    def run(self, x: Any) -> list[dict[str, Any]]:
        return [{"output": text(one)} for one in rows(x)]


class ManyUp(Many):
    ids = ("test/many_up@v1",)
    output_offset = 1

    def run(self, x: Any) -> list[Any]:
        return [[{"output": f"{text(one)}{mark}"} for mark in "ab"] for one in rows(x)]


class ManyDown(Many):
    ids = ("test/many_down@v1",)
    output_offset = -1


def rows(x: Any) -> list[Any]:
    if isinstance(x, list):
        return [list(row) for row in zip(*x, strict=True)]
    if isinstance(x, dict):
        return [dict(zip(x, row, strict=True)) for row in zip(*x.values(), strict=True)]
    return list(x)


BLOCKS = (*ALL, One, OneUp, OneDown, Many, ManyUp, ManyDown)
INPUTS = [numbers(), parameter()]
PARTS = step("one_up", "parts", x="$inputs.n")  # 1a 1b, 2a 2b
MADE = step("one", "made", x="$inputs.p")  # a single value that a step made: p


def run(kind: str, x: Any, *more: dict[str, Any]) -> list[Any]:
    steps = [PARTS, MADE, step(kind, "s", x=x), *more]
    definition = define(INPUTS, steps, o="$steps.s.output", n="$inputs.n")
    return [row["o"] for row in run_workflow(definition, {"n": [1, 2], "p": "p"}, *BLOCKS)]


SINGLE, ELEMENT, PART = "$inputs.p", "$inputs.n", "$steps.parts.output"
STEP = "$steps.made.output"


@pytest.mark.parametrize("kind", ["one", "many"])
@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (SINGLE, ["p", "p"]),
        (STEP, ["p", "p"]),
        (ELEMENT, ["1", "2"]),
        (PART, [["1a", "1b"], ["2a", "2b"]]),
        ([SINGLE, STEP], ["p,p", "p,p"]),
        ([ELEMENT, STEP], ["1,p", "2,p"]),
        ([ELEMENT, ELEMENT], ["1,1", "2,2"]),
        ([PART, STEP], [["1a,p", "1b,p"], ["2a,p", "2b,p"]]),
        ({"a": SINGLE, "b": STEP}, ["a=p,b=p", "a=p,b=p"]),
        ({"a": ELEMENT, "b": STEP}, ["a=1,b=p", "a=2,b=p"]),
        ({"a": PART, "b": PART}, [["a=1a,b=1a", "a=1b,b=1b"], ["a=2a,b=2a", "a=2b,b=2b"]]),
    ],
)
def test_the_level_stays(kind: str, x: Any, expected: list[Any]) -> None:
    assert run(kind, x) == expected


@pytest.mark.parametrize("kind", ["one_up", "many_up"])
@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (SINGLE, [["pa", "pb"], ["pa", "pb"]]),
        (STEP, [["pa", "pb"], ["pa", "pb"]]),
        (ELEMENT, [["1a", "1b"], ["2a", "2b"]]),
        (PART, [[["1aa", "1ab"], ["1ba", "1bb"]], [["2aa", "2ab"], ["2ba", "2bb"]]]),
        ([ELEMENT, STEP], [["1,pa", "1,pb"], ["2,pa", "2,pb"]]),
        ([SINGLE, STEP], [["p,pa", "p,pb"], ["p,pa", "p,pb"]]),
        ({"a": ELEMENT, "b": STEP}, [["a=1,b=pa", "a=1,b=pb"], ["a=2,b=pa", "a=2,b=pb"]]),
    ],
)
def test_the_level_rises(kind: str, x: Any, expected: list[Any]) -> None:
    assert run(kind, x) == expected


@pytest.mark.parametrize("kind", ["one_down", "many_down"])
@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (PART, ["[1a 1b]", "[2a 2b]"]),
        ([PART, STEP], ["[1a 1b],[p p]", "[2a 2b],[p p]"]),
        ([PART, PART], ["[1a 1b],[1a 1b]", "[2a 2b],[2a 2b]"]),
        ({"a": PART, "b": SINGLE}, ["a=[1a 1b],b=[p p]", "a=[2a 2b],b=[p p]"]),
        (ELEMENT, ["[1 2]", "[1 2]"]),
        ([ELEMENT, STEP], ["[1 2],[p p]", "[1 2],[p p]"]),
    ],
)
def test_the_level_falls(kind: str, x: Any, expected: list[Any]) -> None:
    assert run(kind, x) == expected


@pytest.mark.parametrize("x", [SINGLE, STEP])
def test_single_values_that_fall_stay_single(x: str) -> None:
    assert run("one_down", x) == ["[p]", "[p]"]


def gate(target: str, **fields: Any) -> dict[str, Any]:
    return step("only", "gate", next_steps=[target], **fields)


@pytest.mark.parametrize("kind", ["one", "many"])
@pytest.mark.parametrize(
    ("x", "gated", "expected"),
    [
        (ELEMENT, {"value": 0}, [None, None]),
        (ELEMENT, {"value": 2}, ["1", "2"]),
        (ELEMENT, {"value": ELEMENT}, [None, "2"]),
        ([ELEMENT, STEP], {"value": ELEMENT}, [None, "2,p"]),
        (PART, {"value": ELEMENT}, [[None, None], ["2a", "2b"]]),
    ],
)
def test_flow_control_at_every_level(kind: str, x: Any, gated: dict[str, Any], expected: list[Any]) -> None:
    assert run(kind, x, gate("$steps.s", **gated)) == expected


@pytest.mark.parametrize("kind", ["one_down", "many_down"])
def test_flow_control_before_a_fall(kind: str) -> None:
    assert run(kind, [PART, STEP], gate("$steps.s", value=ELEMENT)) == [None, "[2a 2b],[p p]"]
    assert run(kind, PART, gate("$steps.parts", value=ELEMENT)) == [None, "[2a 2b]"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, [None, None]), (2, [["pa", "pb"], ["pa", "pb"]])],
)
def test_flow_control_before_single_values_rise(value: int, expected: list[Any]) -> None:
    found = run("many_up", STEP, gate("$steps.s", value=value))
    assert found == (expected if value else [[], []])


def test_all_the_way_up_and_down_again() -> None:
    steps: list[dict[str, Any]] = [step("one_up", "u1", x="$inputs.p"), step("many_up", "u2", x="$steps.u1.output")]
    steps += [step("one_down", "d1", x="$steps.u2.output"), step("one_down", "d2", x="$steps.d1.output")]
    outputs = {name: f"$steps.{name}.output" for name in ("u1", "u2", "d1", "d2")}
    definition = define([parameter()], steps, **outputs)
    assert run_workflow(definition, {"p": "p"}, *BLOCKS) == [
        {
            "u1": ["pa", "pb"],
            "u2": [["paa", "pab"], ["pba", "pbb"]],
            "d1": ["[paa pab]", "[pba pbb]"],
            "d2": "[[paa pab] [pba pbb]]",
        }
    ]
