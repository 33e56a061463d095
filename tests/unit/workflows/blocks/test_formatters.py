"""Blocks that turn values into others, and the one that hands out secrets."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime, timezone
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from shared.errors import Forbidden, InvalidRequest
from shared.workflows.batch import Batch
from shared.workflows.blocks.formatters.csv_formatter import CSVFormatter
from shared.workflows.blocks.formatters.current_time import CurrentTime
from shared.workflows.blocks.formatters.expression import Expression
from shared.workflows.blocks.formatters.json_parser import JSONParser
from shared.workflows.blocks.formatters.property_definition import PropertyDefinition
from shared.workflows.blocks.formatters.string_template import StringTemplate
from shared.workflows.blocks.secrets.environment_secrets_store import EnvironmentSecretsStore
from shared.workflows.services import Services
from shared.workflows.settings import WorkflowSettings
from shared.workflows.testing import make, run_block
from shared.workflows.uql import AnyOperation, CasesDefinition
from tests.unit.workflows.pictures import found, plain
from tests.unit.workflows.uql_steps import dynamic, group, op, statement, static

NOON = datetime(2026, 7, 1, 12, 30, tzinfo=timezone.utc)
SERVICES = Services(now=lambda: NOON)


def chain(*operations: dict[str, Any]) -> list[Any]:
    return TypeAdapter(list[AnyOperation]).validate_python(list(operations))


def test_a_property_of_detections() -> None:
    detections = found(plain(), (0, 0, 5, 5), (5, 5, 9, 9), classes=("cat", "dog"))
    operations = chain(op("DetectionsPropertyExtract", property_name="class_name"), op("SequenceJoin"))
    assert run_block(PropertyDefinition, data=detections, operations=operations) == {"output": "cat, dog"}


def test_an_expression_by_cases() -> None:
    switch = CasesDefinition.model_validate(
        {
            "type": "CasesDefinition",
            "cases": [
                {
                    "type": "CaseDefinition",
                    "condition": group(statement(dynamic("n"), "(Number) >=", static(10))),
                    "result": {"type": "StaticCaseResult", "value": "many"},
                }
            ],
            "default": {"type": "DynamicCaseResult", "parameter_name": "n"},
        }
    )
    operations = {"n": chain(op("SequenceLength"))}
    answers = [run_block(Expression, data={"n": [0] * n}, data_operations=operations, switch=switch) for n in (10, 3)]
    assert answers == [{"output": "many"}, {"output": 3}]


def test_a_table_of_one_row() -> None:
    answer = run_block(
        make(CSVFormatter, SERVICES),
        columns_data={"name": 'a "b", c', "many": [1, 2]},
        columns_operations={"many": chain(op("SequenceLength"))},
    )
    assert list(csv.DictReader(io.StringIO(answer["csv_content"]))) == [
        {"name": 'a "b", c', "many": "2", "timestamp": NOON.isoformat()}
    ]


def test_a_table_of_a_batch_goes_to_its_last_element() -> None:
    answers = run_block(make(CSVFormatter, SERVICES), columns_data={"n": Batch([1, 2, 3]), "site": "east"})
    assert [answer["csv_content"] for answer in answers[:2]] == [None, None]
    rows = list(csv.DictReader(io.StringIO(answers[2]["csv_content"])))
    assert [(row["n"], row["site"]) for row in rows] == [("1", "east"), ("2", "east"), ("3", "east")]


def test_the_table_s_own_column_cannot_be_taken() -> None:
    with pytest.raises(ValidationError, match="timestamp"):
        CSVFormatter.spec.manifest(type=CSVFormatter.ids[0], name="table", columns_data={"timestamp": "1"})


def test_the_time_in_a_zone() -> None:
    answer = run_block(make(CurrentTime, SERVICES), timezone="Asia/Kolkata")
    assert answer == {
        "timestamp": NOON,
        "iso_string": "2026-07-01T18:00:00+05:30",
        "date": "2026-07-01",
        "time": "18:00:00",
    }
    for zone in ("Mars/Olympus", "../etc/passwd", ""):
        with pytest.raises(InvalidRequest):
            run_block(CurrentTime, timezone=zone)


def test_a_template_is_filled() -> None:
    answer = run_block(
        StringTemplate,
        template="{{{name}}} has {count:>3} of {share:.1f}",
        data={"name": "A", "count": [1, 2], "share": 0.25},
        data_operations={"count": chain(op("SequenceLength"))},
    )
    assert answer == {"output": "{A} has   2 of 0.2"}


@pytest.mark.parametrize(
    "template",
    ["{a.__class__}", "{a[0]}", "{0}", "{}", "{missing}", "{a:>9999}", "{a:{b}}", "{a", "a}", "{b:d}", "{a!q}"],
)
def test_a_template_that_is_refused(template: str) -> None:
    with pytest.raises(InvalidRequest):
        run_block(StringTemplate, template=template, data={"a": 1, "b": "x"})


@pytest.mark.parametrize(
    "text", ['{"a": 1, "b": [2]}', 'Sure:\n```json\n{"a": 1, "b": [2]}\n```\nDone.', '```\n{"a": 1, "b": [2]}```']
)
def test_json_that_a_model_wrote(text: str) -> None:
    answer = run_block(JSONParser, raw_json=text, expected_fields=["a", "b"])
    assert answer == {"error_status": False, "a": 1, "b": [2]}


@pytest.mark.parametrize(
    ("text", "a"), [("no", None), ("[1]", None), ('{"b": 1}', None), ('{"a": 1}', 1), ("[" * 100_000, None)]
)
def test_json_that_lacks_something(text: str, a: Any) -> None:
    assert run_block(JSONParser, raw_json=text, expected_fields=["a", "c"]) == {"error_status": True, "a": a, "c": None}


def test_outputs_of_the_json_parser_are_the_expected_fields() -> None:
    step = JSONParser.spec.manifest(type=JSONParser.ids[0], name="p", raw_json="{}", expected_fields=["x"])  # type: ignore[call-arg] # made at run time
    assert list(JSONParser.actual_outputs(step)) == ["error_status", "x"]
    with pytest.raises(ValidationError, match="error_status"):
        JSONParser.spec.manifest(type=JSONParser.ids[0], name="p", raw_json="{}", expected_fields=["error_status"])  # type: ignore[call-arg] # as above


def test_secrets_are_those_that_the_owner_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "abc")
    monkeypatch.setenv("OTHER_TOKEN", "def")
    monkeypatch.setenv("VISIONFLEET_WORKFLOW_SECRET_VARIABLES", json.dumps(["MY_TOKEN", "UNSET_TOKEN"]))
    block = make(EnvironmentSecretsStore, Services(settings=WorkflowSettings()))
    assert run_block(block, variables_storing_secrets=["MY_TOKEN", "UNSET_TOKEN"]) == {
        "my_token": "abc",
        "unset_token": None,
    }
    with pytest.raises(Forbidden, match="OTHER_TOKEN"):
        run_block(block, variables_storing_secrets=["MY_TOKEN", "OTHER_TOKEN"])
    monkeypatch.delenv("VISIONFLEET_WORKFLOW_SECRET_VARIABLES")
    with pytest.raises(Forbidden):
        run_block(EnvironmentSecretsStore, variables_storing_secrets=["MY_TOKEN"])
