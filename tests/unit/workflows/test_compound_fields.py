"""Fields that hold several values, each from its own place, and steps with effects behind gates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import Field

from shared.workflows import errors
from shared.workflows.batch import Batch
from shared.workflows.fields import AnyRef, StepFields
from shared.workflows.services import Services
from shared.workflows.settings import WorkflowSettings
from shared.workflows.sink import Sink
from shared.workflows.testing import run_workflow
from tests.unit.workflows.stubs import ALL, Stub, define, numbers, parameter, step


class Table(Stub):
    """Called for each element, with a value under each name."""

    ids = ("test/table@v1",)

    class Fields(StepFields):
        cells: dict[str, AnyRef | int | str] = Field(default_factory=dict)

    def run(self, cells: dict[str, Any]) -> dict[str, Any]:
        return {"output": " ".join(f"{name}={told(value)}" for name, value in cells.items())}


class Tables(Table):
    """Called once: under each name all elements."""

    ids = ("test/tables@v1",)
    batch = ("cells",)

    def run(self, cells: dict[str, Any]) -> list[dict[str, Any]]:  # type: ignore[override]
        count = len(next(value for value in cells.values() if isinstance(value, Batch)))
        shown = " ".join(f"{name}={told(value)}" for name, value in cells.items())
        return [{"output": f"{shown} #{i}"} for i in range(count)]


class Mixed(Tables):
    """Called once: all elements under names of batches, the value under those of single ones."""

    ids = ("test/mixed@v1",)
    batch = ()
    batch_or_scalar = ("cells",)


class Effect(Sink):
    """Keeps what it was told."""

    ids = ("test/effect@v1",)
    told: list[Any] = []

    class Fields(StepFields):
        value: AnyRef | int | str = "-"

    def run(self, value: Any) -> dict[str, Any]:
        self.told.append(value)
        return self.answer(message=str(value))


def told(value: Any) -> str:
    return f"[{','.join(map(str, value))}]" if isinstance(value, Batch) else str(value)


def run(definition: dict[str, Any], services: Services | None = None, **inputs: Any) -> list[dict[str, Any]]:
    return run_workflow(definition, inputs, *ALL, Table, Tables, Mixed, Effect, services=services)


N, P = "$inputs.n", "$inputs.p"


@pytest.mark.parametrize(
    ("kind", "source", "expected"),
    [
        ("table", N, ["a=1 b=x c=c", "a=2 b=x c=c"]),
        ("tables", N, ["a=[1,2] b=[x,x] c=c #0", "a=[1,2] b=[x,x] c=c #1"]),
        ("mixed", N, ["a=[1,2] b=x c=c #0", "a=[1,2] b=x c=c #1"]),
        ("table", "$steps.before.output", ["a=2 b=x c=c", "a=3 b=x c=c"]),
        ("tables", "$steps.before.output", ["a=[2,3] b=[x,x] c=c #0", "a=[2,3] b=[x,x] c=c #1"]),
        ("mixed", "$steps.before.output", ["a=[2,3] b=x c=c #0", "a=[2,3] b=x c=c #1"]),
    ],
)
def test_a_batch_and_a_single_value_in_one_field(kind: str, source: str, expected: list[str]) -> None:
    steps = [step("add", "before", value=N), step(kind, "t", cells={"a": source, "b": P, "c": "c"})]
    rows = run(define([numbers(), parameter()], steps, t="$steps.t.output"), n=[1, 2], p="x")
    assert [row["t"] for row in rows] == expected


@pytest.mark.parametrize("source", [P, "$steps.before.output"])
def test_single_values_alone_in_such_fields(source: str) -> None:
    steps = [step("add", "before", value=P), step("table", "t", cells={"a": source, "b": 5})]
    (row,) = run(define([parameter()], steps, t="$steps.t.output"), p=1)
    assert row == {"t": "a=1 b=5" if source == P else "a=2 b=5"}
    strict = [step("add", "before", value=P), step("tables", "t", cells={"a": source, "b": 5})]
    (row,) = run(define([parameter()], strict, t="$steps.t.output"), p=1)
    assert row == {"t": "a=[1] b=5 #0" if source == P else "a=[2] b=5 #0"}


def test_an_empty_batch_is_no_run() -> None:
    definition = define([numbers()], [step("table", "t", cells={"a": N})])
    assert run(definition, n=[]) == []


def gate(name: str, value: Any, least: int, *targets: str) -> dict[str, Any]:
    return step("only", name, value=value, least=least, next_steps=[f"$steps.{one}" for one in targets])


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([gate("g", N, 1, "e"), step("effect", "e", value=N)], [2, 3]),  # elements behind a gate of elements
        ([gate("g", N, 9, "e"), step("effect", "e", value=N)], []),  # nobody passes: not called at all
        ([gate("g", P, 1, "e"), step("effect", "e", value=N)], [1, 2, 3]),  # behind a gate of the run
        ([gate("g", P, 9, "e"), step("effect", "e", value=N)], []),
        ([gate("g", P, 1, "e"), step("effect", "e", value=P)], [5]),  # once, as its value is single
        ([gate("g", N, 1, "e"), step("effect", "e")], ["-", "-"]),  # no data of its own: for who passed
        ([gate("g", N, 1, "h"), gate("h", N, 2, "e"), step("effect", "e", value=N)], [3]),
    ],
)
def test_effects_behind_gates_happen_for_what_passed(steps: list[dict[str, Any]], expected: list[Any]) -> None:
    Effect.told.clear()
    run(define([numbers(), parameter()], steps, e="$steps.e.message"), n=[1, 2, 3], p=5)
    assert sorted(Effect.told, key=str) == expected


def test_a_gate_of_other_elements_cannot_decide_about_an_effect() -> None:
    steps = [
        *(step("split", "s", value=N), step("split", "other", value=N)),
        gate("g", "$steps.s.output", 1, "e"),
        step("effect", "e", value="$steps.other.output"),
    ]
    with pytest.raises(errors.ControlFlowDefinitionError):
        run(define([numbers()], steps, o=N), n=[1])
    both = [
        *(step("split", "s", value=N), step("split", "other", value=N)),
        step("table", "t", cells={"a": "$steps.s.output", "b": "$steps.other.output"}),
    ]
    with pytest.raises(errors.StepInputLineageError):
        run(define([numbers()], both, o=N), n=[1])


def test_rows_of_a_table_are_written_for_those_who_pass(tmp_path: Path) -> None:
    """A table of all who passed a gate goes into one file; no gate open, no file."""
    steps = [
        gate("g", N, 1, "table"),
        step("roboflow_core/csv_formatter@v1", "table", columns_data={"n": N}),
        step("roboflow_core/local_file_sink@v1", "file", content="$steps.table.csv_content", file_type="csv",
             output_mode="append_log", target_directory="."),
    ]  # fmt: skip
    definition = define([numbers()], steps, said="$steps.file.error_status")
    services = Services(settings=WorkflowSettings(workflow_write_dir=tmp_path))
    run(definition, services, n=[1, 0])
    assert list(tmp_path.iterdir()) == []
    run(definition, services, n=[1, 2, 3])
    (file,) = tmp_path.iterdir()
    head, *rows = [line.split(",") for line in file.read_text().split()]
    assert [row[head.index("n")] for row in rows] == ["2", "3"]
