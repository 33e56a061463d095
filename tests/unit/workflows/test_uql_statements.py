"""Statements of the query language, and results by case."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from pydantic import ValidationError

from shared.errors import InvalidRequest
from shared.workflows.uql import CasesDefinition, StatementGroup
from shared.workflows.uql.statements import CHECK, COMPARE, Token, UnaryToken
from tests.unit.workflows.uql_steps import dynamic, group, op, statement, static


@pytest.mark.parametrize(
    ("left", "comparator", "right", "holds"),
    [
        (1, "(Number) ==", 1.0, True),
        ("a", "==", "a", True),
        (1, "(Number) !=", 2, True),
        ("a", "!=", "a", False),
        (2, "(Number) >", 2, False),
        (2, "(Number) >=", 2, True),
        (1, "(Number) <", 2, True),
        (3, "(Number) <=", 2, False),
        (3, "(Number) in range", [1, 3], True),
        (4, "(Number) in range", [1, 3], False),
        ("abc", "(String) startsWith", "ab", True),
        ("abc", "(String) endsWith", "ab", False),
        ("abc", "(String) contains", "b", True),
        ("a", "in (Sequence)", ["a", "b"], True),
        (["a", "x"], "any in (Sequence)", ["a", "b"], True),
        (["a", "x"], "all in (Sequence)", ["a", "b"], False),
        ((5, 5), "(Detection) in zone", [[0, 0], [10, 0], [10, 10], [0, 10]], True),
        ((10, 5), "(Detection) in zone", [[0, 0], [10, 0], [10, 10], [0, 10]], False),
    ],
)
def test_comparators(left: Any, comparator: str, right: Any, holds: bool) -> None:
    for negate in (False, True):
        made = StatementGroup.model_validate(group(statement(static(left), comparator, static(right), negate=negate)))
        assert made.holds({}) is (holds != negate)


@pytest.mark.parametrize(
    ("operator", "true_of", "false_of"),
    [
        ("Exists", 0, None),
        ("DoesNotExist", None, 0),
        ("(Boolean) is True", True, 1),
        ("(Boolean) is False", False, 0),
        ("(Sequence) is empty", [], [1]),
        ("(Sequence) is not empty", [1], []),
    ],
)
def test_operators(operator: str, true_of: Any, false_of: Any) -> None:
    for value, holds in ((true_of, True), (false_of, False)):
        made = {"type": "UnaryStatement", "operand": static(value), "operator": {"type": operator}}
        assert StatementGroup.model_validate(group(made)).holds({}) is holds
        assert StatementGroup.model_validate(group({**made, "negate": True})).holds({}) is not holds


def test_every_token_has_its_question() -> None:
    assert set(get_args(Token)) == set(COMPARE)
    assert set(get_args(UnaryToken)) == set(CHECK)


def test_groups_nest_are_or_by_default_and_hide_no_error() -> None:
    yes, no = statement(static(1), "==", static(1)), statement(static(1), "==", static(2))
    assert StatementGroup.model_validate(group(no, yes)).holds({})
    assert not StatementGroup.model_validate(group(no, yes, operator="and")).holds({})
    assert StatementGroup.model_validate(group(group(no, yes), yes, operator="and")).holds({})
    wrong = statement(static("a"), "(Number) >", static(1))
    for operator in ("or", "and"):
        with pytest.raises(InvalidRequest, match="convert them"):
            StatementGroup.model_validate(group(yes, wrong, operator=operator)).holds({})
    with pytest.raises(ValidationError):
        StatementGroup.model_validate(group())


def test_operands_run_their_operations_and_name_what_is_missing() -> None:
    made = StatementGroup.model_validate(
        group(statement(dynamic("n", op("Multiply", other=2)), "==", static("4", op("ToNumber", cast_to="int"))))
    )
    assert made.holds({"n": 2})
    with pytest.raises(InvalidRequest, match="'n'"):
        made.holds({"m": 2})


def test_cases_take_the_first_that_holds() -> None:
    def case(least: int, result: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "CaseDefinition",
            "condition": group(statement(dynamic("n"), "(Number) >=", static(least))),
            "result": result,
        }

    cases = CasesDefinition.model_validate(
        {
            "type": "CasesDefinition",
            "cases": [
                case(10, {"type": "StaticCaseResult", "value": "many"}),
                case(5, {"type": "DynamicCaseResult", "parameter_name": "n", "operations": [op("ToString")]}),
            ],
            "default": {"type": "StaticCaseResult", "value": "few"},
        }
    )
    assert [cases.resolve({"n": n}) for n in (12, 5, 1)] == ["many", "5", "few"]
