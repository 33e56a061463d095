"""Values from beside the inputs: secrets of the environment for steps of every shape, and videos' metadata."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from shared.workflows.batch import Batch
from shared.workflows.fields import AnyRef, StepFields
from shared.workflows.services import Services
from shared.workflows.settings import WorkflowSettings
from shared.workflows.testing import run_workflow
from tests.unit.workflows.stubs import ALL, Stub, define, numbers, step

SECRET, UNSET = "WORKFLOW_TEST_SECRET", "WORKFLOW_TEST_UNSET"


class Show(Stub):
    """What it got, once per element; needs it."""

    ids = ("test/show@v1",)

    class Fields(StepFields):
        value: AnyRef
        beside: AnyRef | str = "-"

    def run(self, value: Any, beside: Any) -> dict[str, Any]:
        return {"output": f"{value}|{beside}"}


class ShowEmpty(Show):
    ids = ("test/show_empty@v1",)
    accepts_empty = True


class ShowAll(Stub):
    """The same for all elements at once."""

    ids = ("test/show_all@v1",)
    batch = ("value",)

    class Fields(StepFields):
        value: AnyRef
        beside: AnyRef | str = "-"

    def run(self, value: Batch[Any], beside: Any) -> list[dict[str, Any]]:
        return [{"output": f"{one}|{beside}"} for one in value]


class ShowAllEmpty(ShowAll):
    ids = ("test/show_all_empty@v1",)
    accepts_empty = True


BLOCKS = (*ALL, Show, ShowEmpty, ShowAll, ShowAllEmpty)
STORE = step("roboflow_core/environment_secrets_store@v1", "env", variables_storing_secrets=[SECRET, UNSET])
KNOWN, UNKNOWN = f"$steps.env.{SECRET.lower()}", f"$steps.env.{UNSET.lower()}"


def run(steps: list[Any], *, serialised: bool = False, **inputs: Any) -> list[dict[str, Any]]:
    definition = define([numbers()] if "n" in inputs else [], [STORE, *steps], o="$steps.s.output", known=KNOWN)
    settings = WorkflowSettings(workflow_secret_variables=[SECRET, UNSET])
    return run_workflow(definition, inputs, *BLOCKS, services=Services(settings=settings), serialised=serialised)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECRET, "the-secret-itself")
    monkeypatch.delenv(UNSET, raising=False)


@pytest.mark.parametrize("kind", ["show", "show_empty", "show_all", "show_all_empty"])
def test_a_secret_reaches_a_step_that_runs_once(kind: str) -> None:
    (row,) = run([step(kind, "s", value=KNOWN)])
    assert row["o"] == "the-secret-itself|-"


@pytest.mark.parametrize(
    ("kind", "shown"), [("show", None), ("show_empty", "None|-"), ("show_all", None), ("show_all_empty", "None|-")]
)
def test_a_secret_that_is_not_set_is_an_empty_value(kind: str, shown: str | None) -> None:
    (row,) = run([step(kind, "s", value=UNKNOWN)])
    assert row["o"] == shown


@pytest.mark.parametrize("kind", ["show", "show_empty", "show_all", "show_all_empty"])
def test_a_secret_stands_beside_every_element(kind: str) -> None:
    rows = run([step(kind, "s", value="$inputs.n", beside=KNOWN)], n=[1, 2])
    assert [row["o"] for row in rows] == ["1|the-secret-itself", "2|the-secret-itself"]


@pytest.mark.parametrize(("kind", "shown"), [("show", None), ("show_empty", "{}|None"), ("show_all", None)])
def test_an_empty_single_value_ends_steps_that_need_it_for_every_element(kind: str, shown: str | None) -> None:
    rows = run([step(kind, "s", value="$inputs.n", beside=UNKNOWN)], n=[1, 2])
    assert [row["o"] for row in rows] == [None if shown is None else shown.format(n) for n in (1, 2)]


def test_a_secret_is_masked_wherever_it_is_an_output() -> None:
    (row,) = run([step("show", "s", value=KNOWN)], serialised=True)
    assert row["known"] == "th********lf"


@pytest.mark.parametrize("count", [1, 3])
def test_single_values_of_steps_stand_beside_one_image_or_several(count: int) -> None:
    image = {"type": "WorkflowImage", "name": "image"}
    size = step("roboflow_core/property_definition@v1", "size", data="$inputs.image", operations=WIDTH)
    both = step("show", "s", value="$steps.size.output", beside=KNOWN)
    definition = define([image], [STORE, size, both], o="$steps.s.output")
    settings = WorkflowSettings(workflow_secret_variables=[SECRET, UNSET])
    pictures = [np.zeros((4, 5 + n, 3), np.uint8) for n in range(count)]
    rows = run_workflow(definition, {"image": pictures}, *BLOCKS, services=Services(settings=settings))
    assert [row["o"] for row in rows] == [f"{5 + n}|the-secret-itself" for n in range(count)]


WIDTH = [{"type": "ExtractImageProperty", "property_name": "width"}]


def test_video_metadata_of_several_frames_reaches_the_steps() -> None:
    definition = define(
        [{"type": "WorkflowVideoMetadata", "name": "video"}],
        [step("show", "s", value="$inputs.video")],
        o="$steps.s.output",
        video="$inputs.video",
    )
    given = [
        {"video_identifier": name, "frame_number": 7, "fps": 25, "frame_timestamp": "2026-01-01T00:00:07+00:00"}
        for name in ("a", "b")
    ]
    rows = run_workflow(definition, {"video": given}, *BLOCKS, serialised=True)
    assert [(row["video"]["video_identifier"], row["video"]["frame_number"]) for row in rows] == [("a", 7), ("b", 7)]
    assert [row["video"]["frame_timestamp"] for row in rows] == ["2026-01-01T00:00:07+00:00"] * 2
    assert all(f"'{name}'" in row["o"] for name, row in zip("ab", rows, strict=True))


def test_a_table_of_single_values_has_one_row() -> None:
    table = step("roboflow_core/csv_formatter@v1", "s", columns_data={"x": "$inputs.p", "y": True})
    definition = define(
        [{"type": "WorkflowParameter", "name": "p", "default_value": 3}], [table], o="$steps.s.csv_content"
    )
    (row,) = run_workflow(definition, {}, *BLOCKS)
    header, line = row["o"].splitlines()
    assert header == "x,y,timestamp"
    assert line.startswith("3,True,")
