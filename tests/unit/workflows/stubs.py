"""Small blocks that show how the engine calls them."""

from __future__ import annotations

import time
from typing import Any

from pydantic import Field

from shared.workflows import kinds
from shared.workflows.batch import Batch
from shared.workflows.block import Block, FlowControl
from shared.workflows.fields import AnyRef, ImageRef, IntRef, StepFields, StepRef

ANYTHING = {"output": (kinds.ANY,)}


class Stub(Block):
    category = "transformation"
    outputs = ANYTHING


class Join(Stub):
    """Text of its parts, once per element."""

    ids = ("test/join@v1", "Join")

    class Fields(StepFields):
        parts: list[AnyRef | int | str]

    def run(self, parts: list[Any]) -> dict[str, Any]:
        return {"output": "+".join(map(str, parts))}


class Add(Stub):
    """A number more than ``value``."""

    ids = ("test/add@v1",)

    class Fields(StepFields):
        value: AnyRef | int
        more: int | IntRef = 1

    def run(self, value: int, more: int) -> dict[str, Any]:
        return {"output": value + more}


class Split(Stub):
    """As many parts as ``value`` says: value.0, value.1, ..."""

    ids = ("test/split@v1",)
    output_offset = 1

    class Fields(StepFields):
        value: AnyRef

    def run(self, value: int) -> list[dict[str, Any]]:
        return [{"output": f"{value}.{i}"} for i in range(int(value))]


class SplitAll(Split):
    """The same for all elements at once."""

    ids = ("test/split_all@v1",)
    batch = ("value",)

    def run(self, value: Batch[int]) -> list[list[dict[str, Any]]]:  # type: ignore[override]
        return [[{"output": f"{one}.{i}"} for i in range(int(one))] for one in value]


class Together(Stub):
    """Sees all elements in one call, and says how many and where."""

    ids = ("test/together@v1",)
    batch = ("data",)
    batch_or_scalar = ("extra",)

    class Fields(StepFields):
        data: AnyRef
        extra: AnyRef | str = "-"
        scalar: AnyRef | str = "-"

    def run(self, data: Batch[Any], extra: Any, scalar: Any) -> list[dict[str, Any]]:
        more = list(extra) if isinstance(extra, Batch) else [extra] * len(data)
        return [
            {"output": f"{one}@{'.'.join(map(str, index))}/{len(data)}/{more[i]}/{scalar}"}
            for i, (index, one) in enumerate(data.iter_with_indices())
        ]


class Compare(Stub):
    """Each element beside all of its parts."""

    ids = ("test/compare@v1",)
    input_offsets = {"parts": 1}
    reference = "whole"

    class Fields(StepFields):
        whole: AnyRef
        parts: AnyRef

    def run(self, whole: Any, parts: Batch[Any]) -> dict[str, Any]:
        return {"output": f"{whole}<{','.join(map(str, parts))}>"}


class CompareEmpty(Compare):
    ids = ("test/compare_empty@v1",)
    accepts_empty = True


class Only(Block):
    """Goes on when ``value`` is more than ``least``."""

    ids = ("test/only@v1",)
    category = "flow_control"

    class Fields(StepFields):
        value: AnyRef | int
        least: int = 1
        next_steps: list[StepRef] = Field(default_factory=list)

    def run(self, value: int, least: int, next_steps: list[str]) -> FlowControl:
        return FlowControl(next_steps if int(value) > least else None)


class Note(Stub):
    """Has no data of its own: counts its calls, over runs."""

    ids = ("test/note@v1",)
    stateful = True

    class Fields(StepFields):
        text: str | AnyRef = "note"

    calls = 0

    def run(self, text: str) -> dict[str, Any]:
        self.calls += 1
        return {"output": f"{text} {self.calls}"}


class Slow(Stub):
    ids = ("test/slow@v1",)

    class Fields(StepFields):
        value: AnyRef | int
        seconds: float = 0.0

    def run(self, value: int, seconds: float) -> dict[str, Any]:
        time.sleep(seconds)
        return {"output": value}


class Fails(Stub):
    ids = ("test/fails@v1",)

    class Fields(StepFields):
        value: AnyRef

    def run(self, value: Any) -> dict[str, Any]:
        raise RuntimeError("secret internals")


class Wrong(Stub):
    """Answers with something else than it declares."""

    ids = ("test/wrong@v1",)

    class Fields(StepFields):
        value: AnyRef

    def run(self, value: Any) -> dict[str, Any]:
        return {"other": value}


class OnlyImages(Stub):
    ids = ("test/only_images@v1",)

    class Fields(StepFields):
        image: ImageRef

    def run(self, image: Any) -> dict[str, Any]:
        return {"output": image.size}


class Provided(Stub):
    ids = ("test/provided@v1",)
    init = ("greeting",)

    def run(self) -> dict[str, Any]:
        return {"output": self.init_values["greeting"]}


ALL = (
    *(Join, Add, Split, SplitAll, Together, Compare, CompareEmpty, Only, Note, Slow, Fails, Wrong, OnlyImages),
    Provided,
)


def numbers(name: str = "n", depth: int = 1) -> dict[str, Any]:
    return {"type": "WorkflowBatchInput", "name": name, "dimensionality": depth}


def parameter(name: str = "p", **more: Any) -> dict[str, Any]:
    return {"type": "WorkflowParameter", "name": name, **more}


def step(kind: str, name: str, **fields: Any) -> dict[str, Any]:
    return {"type": f"test/{kind}@v1" if "/" not in kind else kind, "name": name, **fields}


def define(inputs: list[Any], steps: list[Any], **outputs: str) -> dict[str, Any]:
    """Outputs by name; those called ``o_step`` may be left out of a definition of one output per step."""
    shown = outputs or {str(one["name"]): f"$steps.{one['name']}.output" for one in steps}
    fields = [{"type": "JsonField", "name": name, "selector": selector} for name, selector in shown.items()]
    return {"version": "1.0", "inputs": inputs, "steps": steps, "outputs": fields}
