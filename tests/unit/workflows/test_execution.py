"""How steps are run: once or per element, in batches, over levels, and what flow control leaves out."""

from __future__ import annotations

from typing import Any

import pytest

from shared.workflows import errors
from shared.workflows.compiler import compile_workflow
from shared.workflows.executor import Executor
from shared.workflows.session import Session
from shared.workflows.testing import run_workflow, with_blocks
from tests.unit.workflows.stubs import ALL, define, numbers, parameter, step


def run(definition: dict[str, Any], **inputs: Any) -> list[dict[str, Any]]:
    return run_workflow(definition, inputs, *ALL)


def column(definition: dict[str, Any], name: str, **inputs: Any) -> list[Any]:
    return [row[name] for row in run(definition, **inputs)]


def test_single_values_run_once_and_are_repeated_for_each_element() -> None:
    definition = define(
        [numbers(), parameter()], [step("add", "once", value="$inputs.p"), step("add", "each", value="$inputs.n")]
    )
    assert run(definition, n=[1, 2, 3], p=10) == [
        {"once": 11, "each": 2},
        {"once": 11, "each": 3},
        {"once": 11, "each": 4},
    ]
    assert run(define([parameter()], [step("add", "once", value="$inputs.p")]), p=1) == [{"once": 2}]


def test_a_single_value_stands_for_a_batch_of_its_own() -> None:
    definition = define([numbers(), numbers("m")], [step("join", "j", parts=["$inputs.n", "$inputs.m", "!"])])
    assert column(definition, "j", n=[1, 2], m=5) == ["1+5+!", "2+5+!"]
    assert column(definition, "j", n=[1, 2], m=[5]) == ["1+5+!", "2+5+!"]


def test_batches_of_two_sizes_are_refused() -> None:
    definition = define([numbers(), numbers("m")], [step("join", "j", parts=["$inputs.n", "$inputs.m"])])
    with pytest.raises(errors.RuntimeInputError, match="n has 2, m has 3"):
        run(definition, n=[1, 2], m=[1, 2, 3])
    with pytest.raises(errors.RuntimeInputError, match="'m' is missing"):
        run(definition, n=[1, 2])


def test_batch_fields_see_all_elements_at_once() -> None:
    definition = define(
        [numbers(), parameter()], [step("together", "t", data="$inputs.n", extra="$inputs.n", scalar="$inputs.p")]
    )
    assert column(definition, "t", n=[7, 8], p="x") == ["7@0/2/7/x", "8@1/2/8/x"]


def test_a_batch_in_a_field_for_single_values_is_refused_at_compile_time() -> None:
    definition = define([numbers()], [step("together", "t", data="$inputs.n", scalar="$inputs.n")])
    with pytest.raises(errors.ExecutionGraphStructureError, match="scalar takes one value") as caught:
        run(definition, n=[1])
    assert caught.value.blocks[0]["block_id"] == "t"


@pytest.mark.parametrize("split", ["split", "split_all"])
def test_parts_are_flattened_into_one_batch_and_nested_in_the_result(split: str) -> None:
    definition = define(
        [numbers()], [step(split, "s", value="$inputs.n"), step("together", "t", data="$steps.s.output")]
    )
    assert column(definition, "s", n=[2, 0, 1]) == [["2.0", "2.1"], [], ["1.0"]]
    assert column(definition, "t", n=[2, 0, 1]) == [["2.0@0.0/3/-/-", "2.1@0.1/3/-/-"], [], ["1.0@2.0/3/-/-"]]


def test_collapse_gathers_parts_and_a_childless_element_has_none() -> None:
    collapse = step("roboflow_core/dimension_collapse@v1", "c", data="$steps.s.output")
    definition = define([numbers()], [step("split", "s", value="$inputs.n"), collapse])
    assert column(definition, "c", n=[2, 0]) == [["2.0", "2.1"], None]


def test_all_outputs_of_a_deeper_step_are_one_dictionary_per_part() -> None:
    definition = define([numbers()], [step("split", "s", value="$inputs.n")])
    definition["outputs"] = [{"type": "JsonField", "name": "all", "selector": "$steps.s.*"}]
    two, none = run(definition, n=[2, 0])
    assert two["all"] == [{"output": "2.0"}, {"output": "2.1"}]
    assert none["all"] == []


def test_collapse_of_the_first_level_gives_one_value_for_the_run() -> None:
    collapse = step("roboflow_core/dimension_collapse@v1", "c", data="$inputs.n")
    more = step("join", "j", parts=["$steps.c.output"])
    definition = define([numbers()], [collapse, more])
    assert run(definition, n=[1, 2]) == [{"c": [1, 2], "j": "[1, 2]"}]


def test_parts_of_single_values_are_a_level_of_their_own() -> None:
    definition = define([parameter()], [step("split", "s", value="$inputs.p"), step("add", "a", value=1)])
    assert run(definition, p=2) == [{"s": ["2.0", "2.1"], "a": 2}]
    both = define(
        [parameter(), numbers()], [step("split_all", "s", value="$inputs.p"), step("add", "a", value="$inputs.n")]
    )
    assert run(both, p=2, n=[1, 2]) == [{"s": ["2.0", "2.1"], "a": 2}, {"s": ["2.0", "2.1"], "a": 3}]


def test_elements_beside_their_parts() -> None:
    definition = define(
        [numbers()],
        [step("split", "s", value="$inputs.n"), step("compare", "c", whole="$inputs.n", parts="$steps.s.output")],
    )
    assert column(definition, "c", n=[2, 0]) == ["2<2.0,2.1>", "0<>"]


def test_nested_inputs_keep_their_shape() -> None:
    definition = define([numbers(depth=2)], [step("join", "j", parts=["$inputs.n"])])
    assert column(definition, "j", n=[[1, 2], [], [3]]) == [["1", "2"], [], ["3"]]
    with pytest.raises(errors.RuntimeInputError, match="nested 2 deep"):
        run(definition, n=[1, 2])


def test_an_empty_element_is_left_out_of_steps_and_none_in_the_result() -> None:
    definition = define(
        [numbers()], [step("add", "a", value="$inputs.n"), step("together", "t", data="$steps.a.output")]
    )
    assert run(definition, n=[1, None, 3]) == [
        {"a": 2, "t": "2@0/2/-/-"},
        {"a": None, "t": None},
        {"a": 4, "t": "4@2/2/-/-"},
    ]


def test_flow_control_per_element_leaves_out_all_that_follows() -> None:
    steps = [
        step("only", "gate", value="$inputs.n", next_steps=["$steps.a"]),
        step("add", "a", value="$inputs.n"),
        step("split", "s", value="$steps.a.output"),
        step("roboflow_core/first_non_empty_or_default@v1", "f", data=["$steps.a.output"], default="none"),
        step("compare_empty", "c", whole="$inputs.n", parts="$steps.s.output"),
    ]
    outputs = {name: f"$steps.{name}.output" for name in "asfc"}
    assert run(define([numbers()], steps, **outputs), n=[1, 2]) == [
        {"a": None, "s": [], "f": "none", "c": "1<>"},
        {"a": 3, "s": ["3.0", "3.1", "3.2"], "f": 3, "c": "2<3.0,3.1,3.2>"},
    ]


def test_flow_control_over_the_whole_run() -> None:
    steps = [
        step("only", "gate", value="$inputs.p", next_steps=["$steps.a"]),
        step("add", "a", value="$inputs.n"),
        step("join", "j", parts=["$steps.a.output"]),
    ]
    definition = define([numbers(), parameter()], steps, a="$steps.a.output", j="$steps.j.output")
    assert run(definition, n=[1, 2], p=0) == [{"a": None, "j": None}] * 2
    assert run(definition, n=[1, 2], p=5) == [{"a": 2, "j": "2"}, {"a": 3, "j": "3"}]


def test_gates_after_gates_let_pass_what_both_let_pass() -> None:
    steps = [
        step("only", "first", value="$inputs.n", least=1, next_steps=["$steps.a"]),
        step("only", "second", value="$inputs.m", least=1, next_steps=["$steps.a"]),
        step("add", "a", value="$inputs.n"),
    ]
    definition = define([numbers(), numbers("m")], steps, a="$steps.a.output")
    assert column(definition, "a", n=[1, 2, 2, 3], m=[2, 1, 2, 3]) == [None, None, 3, 4]


def test_a_gate_that_did_not_run_lets_nothing_pass() -> None:
    steps = [
        step("only", "first", value="$inputs.n", next_steps=["$steps.second"]),
        step("only", "second", value="$inputs.n", least=0, next_steps=["$steps.a"]),
        step("add", "a", value="$inputs.n"),
    ]
    assert column(define([numbers()], steps, a="$steps.a.output"), "a", n=[1, 2]) == [None, 3]


def test_a_step_without_data_runs_for_the_elements_that_its_gate_chose() -> None:
    steps = [
        step("only", "gate", value="$inputs.n", next_steps=["$steps.note"]),
        step("note", "note"),
        step("join", "after", parts=["$steps.note.output"]),
    ]
    definition = define([numbers()], steps, note="$steps.note.output", after="$steps.after.output")
    assert [row["note"] for row in run(definition, n=[1, 2, 3])] == [None, "note 1", "note 2"]
    assert [row["after"] for row in run(definition, n=[1, 2, 3])] == [None, "note 1", "note 2"]


def test_switch_sends_each_element_its_way() -> None:
    steps = [
        step(
            "roboflow_core/switch_case@v1",
            "sw",
            value="$inputs.n",
            cases={"1": "$steps.one"},
            default_next_steps=["$steps.rest"],
        ),
        step("join", "one", parts=["one", "$inputs.n"]),
        step("join", "rest", parts=["rest", "$inputs.n"]),
    ]
    definition = define([numbers()], steps, one="$steps.one.output", rest="$steps.rest.output")
    assert run(definition, n=[1, 2]) == [{"one": "one+1", "rest": None}, {"one": None, "rest": "rest+2"}]


def test_a_failing_step_is_named_and_its_internals_are_not() -> None:
    with pytest.raises(errors.StepExecutionError, match=r"'f' failed: RuntimeError$") as caught:
        run(define([numbers()], [step("fails", "f", value="$inputs.n")]), n=[1])
    assert caught.value.context == "workflow_execution | step_execution"
    assert caught.value.blocks[0]["block_id"] == "f"
    assert "secret" not in str(caught.value.to_dict())


def test_a_block_that_breaks_its_contract_is_named() -> None:
    with pytest.raises(errors.ExecutionEngineRuntimeError, match="declares"):
        run(define([numbers()], [step("wrong", "w", value="$inputs.n")]), n=[1])


def test_state_lasts_as_long_as_the_session() -> None:
    plan = compile_workflow(define([numbers()], [step("note", "note", text="$inputs.n")]), with_blocks(*ALL))
    with Session(plan) as session:
        assert session.run({"n": ["a", "b"]}).outputs == [{"note": "a 1"}, {"note": "b 2"}]
        assert session.run({"n": ["c"]}).outputs == [{"note": "c 3"}]
    with Session(plan) as session:
        assert session.run({"n": ["d"]}).outputs == [{"note": "d 1"}]


def test_values_that_the_owner_must_provide() -> None:
    plan = compile_workflow(define([], [step("provided", "x")]), with_blocks(*ALL))
    with pytest.raises(errors.BlockInitParameterNotProvidedError, match="greeting"):
        Session(plan)
    with Session(plan, init_values={"greeting": "hi"}) as session:
        assert session.run({}).outputs == [{"x": "hi"}]


def test_a_run_can_be_ended_between_steps() -> None:
    plan = compile_workflow(
        define([numbers()], [step("add", "a", value="$inputs.n"), step("add", "b", value="$steps.a.output")]),
        with_blocks(*ALL),
    )
    calls: list[int] = []

    def proceed() -> None:
        calls.append(1)
        if len(calls) == 2:
            raise TimeoutError

    with Session(plan) as session, pytest.raises(TimeoutError):
        session.run({"n": 1}, proceed=proceed)


def test_branches_run_side_by_side() -> None:
    steps = [step("slow", f"s{i}", value="$inputs.n", seconds=0.05) for i in range(4)]
    plan = compile_workflow(define([numbers()], steps), with_blocks(*ALL))
    with Session(plan, executor=Executor(4)) as session:
        spans = [s for s in session.run({"n": 1}).trace.spans if s.name == "step_code_execution"]
    assert max(s.begun_us for s in spans) < min(s.begun_us + s.took_us for s in spans), "all overlap"


def test_the_trace_opens_in_chrome() -> None:
    plan = compile_workflow(define([numbers()], [step("add", "a", value="$inputs.n")]), with_blocks(*ALL))
    with Session(plan) as session:
        trace = session.run({"n": [1, 2]}, serialised=True).trace
    assert set(trace.step_timings()) == {"a"}
    events = trace.events()
    assert {"workflow_execution", "step_execution[a]", "outputs_construction"} <= {event["name"] for event in events}
    assert all(event["ph"] == "X" and event["dur"] >= 0 for event in events)


def test_all_outputs_of_a_step_and_inputs_as_outputs() -> None:
    definition = define(
        [numbers(), parameter()], [step("add", "a", value="$inputs.n")], all="$steps.a.*", n="$inputs.n", p="$inputs.p"
    )
    assert run(definition, n=[1, 2], p="x") == [
        {"all": {"output": 2}, "n": 1, "p": "x"},
        {"all": {"output": 3}, "n": 2, "p": "x"},
    ]
    assert run(define([parameter()], [step("add", "a", value="$inputs.p")], x="$inputs.p"), p=3) == [{"x": 3}]


def test_outputs_can_be_left_out() -> None:
    plan = compile_workflow(
        define([numbers()], [step("add", "a", value="$inputs.n"), step("add", "b", value="$inputs.n")]),
        with_blocks(*ALL),
    )
    with Session(plan) as session:
        assert session.run({"n": 1}, without=["a"]).outputs == [{"b": 2}]
        assert session.run({"n": 1}, serialised=True, without=["b"]).outputs == [{"a": 2}]


def test_parameters_have_defaults_and_are_checked_against_the_fields_that_they_fill() -> None:
    definition = define(
        [numbers(), parameter(default_value=5)], [step("add", "a", value="$inputs.n", more="$inputs.p")]
    )
    assert column(definition, "a", n=1) == [6]
    assert column(definition, "a", n=1, p=7) == [8]
    with pytest.raises(errors.RuntimeInputError, match="more of step 'a'"):
        run(definition, n=1, p="many")
    assert column(definition, "a", n=1, unknown=3) == [6], "inputs that the definition does not know are ignored"
