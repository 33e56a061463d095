"""What is wrong with a definition is found before anything runs, and located."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.workflows import errors
from shared.workflows.compiler import compile_workflow
from shared.workflows.definition import load
from shared.workflows.plan import Plan
from shared.workflows.testing import with_blocks
from tests.unit.workflows.stubs import ALL, define, numbers, parameter, step

IMAGE = {"type": "WorkflowImage", "name": "image"}
COLLAPSE = "roboflow_core/dimension_collapse@v1"


def compiled(definition: Any) -> Plan:
    return compile_workflow(definition, with_blocks(*ALL))


def refused(
    definition: Any, kind: type[errors.WorkflowError], match: str, block: str | None = None
) -> errors.WorkflowError:
    with pytest.raises(kind, match=match) as caught:
        compiled(definition)
    assert type(caught.value) is kind
    if block is not None:
        assert block in [one["block_id"] for one in caught.value.blocks]
    return caught.value


GOOD = define([numbers()], [step("add", "a", value="$inputs.n")])


@pytest.mark.parametrize("key", ["version", "inputs", "steps", "outputs"])
def test_a_root_key_is_missing(key: str) -> None:
    without = {name: value for name, value in GOOD.items() if name != key}
    error = refused(without, errors.WorkflowSyntaxError, f"{key}: Field required")
    assert error.context == "workflow_compilation | workflow_definition_parsing"
    assert error.blocks[0]["property_name"] == key


def test_unknown_root_keys_and_older_versions_are_fine() -> None:
    compiled({**GOOD, "id": "x", "more": 1})
    compiled({**GOOD, "version": "1.17.0"})


@pytest.mark.parametrize("version", ["2.0", "1.99", "0.9"])
def test_a_version_that_we_do_not_have(version: str) -> None:
    refused({**GOOD, "version": version}, errors.NotSupportedExecutionEngineError, "not supported")


def test_what_is_no_version() -> None:
    refused({**GOOD, "version": "latest"}, errors.WorkflowDefinitionError, "is no version")


def test_unknown_blocks_are_named_with_the_nearest_there_is() -> None:
    definition = define([numbers()], [step("addd", "a", value="$inputs.n"), step("test/none@v9", "b")])
    error = refused(definition, errors.WorkflowSyntaxError, "Did you mean 'test/add@v1'", "a")
    assert [block["block_id"] for block in error.blocks] == ["a", "b"], "all that is wrong is listed"


def test_a_field_is_missing_or_wrong() -> None:
    error = refused(define([], [step("add", "a")]), errors.WorkflowSyntaxError, "'a' \\(value\\)", "a")
    assert error.blocks[0]["property_name"] == "value"
    refused(define([], [step("add", "a", value=1, more="x y")]), errors.WorkflowSyntaxError, "more", "a")


def test_inputs_of_unknown_type_or_kind() -> None:
    refused({**GOOD, "inputs": [{"type": "What", "name": "n"}]}, errors.WorkflowSyntaxError, "inputs", "$inputs.n")
    compiled(define([numbers() | {"kind": ["a_kind_of_another_time"]}], []))
    compiled(define([numbers() | {"kind": [{"name": "integer"}]}], []))


@pytest.mark.parametrize("depth", [0, -1, 33])
def test_inputs_of_impossible_depth(depth: int) -> None:
    refused(define([numbers(depth=depth)], []), errors.ExecutionGraphStructureError, "dimensionality", "$inputs.n")


@pytest.mark.parametrize(
    ("inputs", "steps", "outputs"),
    [
        ([numbers(), numbers()], [], {}),
        ([], [step("note", "a"), step("note", "a")], {}),
    ],
)
def test_names_that_are_used_twice(inputs: list[Any], steps: list[Any], outputs: dict[str, str]) -> None:
    refused(define(inputs, steps, **outputs), errors.DuplicatedNameError, "are called")


def test_outputs_of_one_name() -> None:
    output = {"type": "JsonField", "name": "o", "selector": "$inputs.n"}
    refused({**GOOD, "outputs": [output, output]}, errors.DuplicatedNameError, "outputs are called 'o'")


@pytest.mark.parametrize("selector", ["$inputs.none", "$steps.none.output", "$steps.a.none", "text", "$steps.a"])
def test_outputs_that_point_at_nothing(selector: str) -> None:
    definition = define([numbers()], [step("add", "a", value="$inputs.n")], o=selector)
    refused(definition, errors.InvalidReferenceTargetError, "Output 'o'", "$outputs")


@pytest.mark.parametrize("selector", ["$inputs.none", "$steps.none.output"])
def test_steps_that_point_at_nothing(selector: str) -> None:
    refused(define([], [step("add", "a", value=selector)]), errors.InvalidReferenceTargetError, "does not exist", "a")


def test_steps_that_point_at_an_output_that_there_is_not() -> None:
    steps = [step("note", "n"), step("add", "a", value="$steps.n.none")]
    refused(define([], steps), errors.ExecutionGraphStructureError, "outputs of that step are: output", "a")


def test_steps_that_go_on_with_nothing_themselves_or_one_twice() -> None:
    gate = {"value": "$inputs.n"}
    missing = define([numbers()], [step("only", "g", **gate, next_steps=["$steps.none"])])
    refused(missing, errors.InvalidReferenceTargetError, "which does not exist", "g")
    itself = define([numbers()], [step("only", "g", **gate, next_steps=["$steps.g"])])
    refused(itself, errors.ExecutionGraphStructureError, "itself", "g")
    twice = define([numbers()], [step("only", "g", **gate, next_steps=["$steps.a", "$steps.a"]), step("note", "a")])
    refused(twice, errors.ExecutionGraphStructureError, "more than once", "g")
    cases = step("roboflow_core/switch_case@v1", "g", **gate, cases={"1": "$steps.a"}, default_next_steps=["$steps.a"])
    refused(define([numbers()], [cases, step("note", "a")]), errors.ExecutionGraphStructureError, "more than once", "g")


def test_circles() -> None:
    steps = [step("add", "a", value="$steps.b.output"), step("add", "b", value="$steps.a.output")]
    refused(define([], steps), errors.ExecutionGraphStructureError, "wait for each other", "a")
    refused(define([], [step("add", "a", value="$steps.a.output")]), errors.ExecutionGraphStructureError, "itself", "a")
    gate = [step("only", "g", value="$steps.a.output", next_steps=["$steps.a"]), step("note", "a")]
    refused(define([], gate), errors.ExecutionGraphStructureError, "wait for each other", "g")


def test_kinds_that_do_not_fit() -> None:
    text = {"type": "WorkflowBatchInput", "name": "t", "kind": ["string"]}
    definition = define([text], [step("only_images", "i", image="$inputs.t")])
    refused(definition, errors.ReferenceTypeError, "takes image; .* is string", "i")
    compiled(define([numbers()], [step("only_images", "i", image="$inputs.n")]))  # any kind may be an image


def test_levels_that_do_not_go_together() -> None:
    split = step("split", "s", value="$inputs.n")
    mixed = define([numbers()], [split, step("join", "j", parts=["$inputs.n", "$steps.s.output"])])
    refused(mixed, errors.StepInputDimensionalityError, "dimension_collapse makes one list", "j")
    flat = define([numbers()], [split, step("compare", "c", whole="$inputs.n", parts="$inputs.n")])
    refused(flat, errors.StepInputDimensionalityError, "one level deeper than whole", "c")
    deeper = define([numbers()], [split, step("compare", "c", whole="$steps.s.output", parts="$inputs.n")])
    refused(deeper, errors.StepInputDimensionalityError, "one level deeper", "c")


def test_elements_of_several_sources() -> None:
    steps = [
        step("split", "s", value="$inputs.n"),
        step("split", "t", value="$inputs.n"),
        step("join", "j", parts=["$steps.s.output", "$steps.t.output"]),
    ]
    refused(define([numbers()], steps), errors.StepInputLineageError, "from another source|the other fields are", "j")
    nested = define([numbers(depth=2), numbers("m", 2)], [step("join", "j", parts=["$inputs.n", "$inputs.m"])])
    refused(nested, errors.StepInputLineageError, "j", "j")


def test_flow_control_over_elements_that_the_target_does_not_have() -> None:
    steps = [
        step("split", "s", value="$inputs.n"),
        step("only", "g", value="$steps.s.output", next_steps=["$steps.a"]),
        step("add", "a", value="$inputs.n"),
    ]
    refused(define([numbers()], steps), errors.ControlFlowDefinitionError, "does not have", "a")
    two = [
        step("split", "s", value="$inputs.n"),
        step("split", "t", value="$inputs.n"),
        step("only", "g", value="$steps.s.output", next_steps=["$steps.a"]),
        step("only", "h", value="$steps.t.output", next_steps=["$steps.a"]),
        step("note", "a"),
    ]
    refused(define([numbers()], two), errors.ControlFlowDefinitionError, "decides per element", "a")


def test_names_of_other_spellings_are_understood() -> None:
    definition = define([IMAGE], [step("only_images", "i", images="$inputs.image")])
    assert compiled(definition).steps["i"].params["image"].name == "image"


def test_json_and_yaml_are_read() -> None:
    text = """
    version: "1.0"
    inputs: [{type: WorkflowParameter, name: p}]
    steps:
      - {type: test/add@v1, name: a, value: $inputs.p}
    outputs:
      - {type: JsonField, name: o, selector: $steps.a.output}
    """
    assert set(compiled(load(text)).steps) == {"a"}
    assert load(json.dumps(GOOD)) == GOOD
    with pytest.raises(errors.WorkflowSyntaxError, match="neither JSON nor YAML"):
        load("version: [")
    with pytest.raises(errors.WorkflowSyntaxError, match="is an object"):
        load("[]")
    with pytest.raises(errors.WorkflowSyntaxError, match="more than"):
        load(" " * 2_000_001)


def test_an_error_travels_as_plain_data() -> None:
    error = refused(define([], [step("add", "a")]), errors.WorkflowSyntaxError, "value")
    details = json.loads(json.dumps(error.to_dict()))["details"]
    assert details["error_type"] == "WorkflowSyntaxError"
    assert details["status"] == 400


def inner(name: str, child: Any, **bindings: Any) -> dict[str, Any]:
    return step("roboflow_core/inner_workflow@v1", name, workflow_definition=child, parameter_bindings=bindings)


CHILD = define(
    [parameter("x"), parameter("more", default_value=10)],
    [step("add", "first", value="$inputs.x", more="$inputs.more"), step("add", "second", value="$steps.first.output")],
    result="$steps.second.output",
    given="$inputs.x",
)


def test_inner_workflows_become_steps() -> None:
    steps = [inner("in", CHILD, x="$inputs.n"), step("add", "after", value="$steps.in.result")]
    outputs = {"r": "$steps.in.result", "g": "$steps.in.given", "a": "$steps.after.output", "all": "$steps.in.*"}
    plan = compiled(define([numbers()], steps, **outputs))
    assert set(plan.steps) == {"in__first", "in__second", "after"}
    from shared.workflows.session import Session

    with Session(plan) as session:
        assert session.run({"n": [1, 2]}).outputs == [
            {"r": 12, "g": 1, "a": 13, "all": {"result": 12, "given": 1}},
            {"r": 13, "g": 2, "a": 14, "all": {"result": 13, "given": 2}},
        ]


def test_flow_control_may_name_an_inner_workflow() -> None:
    steps = [step("only", "g", value="$inputs.n", next_steps=["$steps.in"]), inner("in", CHILD, x="$inputs.n")]
    plan = compiled(define([numbers()], steps, r="$steps.in.result"))
    from shared.workflows.session import Session

    with Session(plan) as session:
        assert session.run({"n": [1, 2]}).outputs == [{"r": None}, {"r": 13}]


def test_inner_workflows_that_do_not_fit() -> None:
    def of(*steps: dict[str, Any]) -> dict[str, Any]:
        return define([numbers()], list(steps), o="$inputs.n")

    refused(of(inner("in", CHILD)), errors.InnerWorkflowError, "needs its input 'x'", "in")
    refused(of(inner("in", CHILD, x="$inputs.n", y=1)), errors.InnerWorkflowError, "has no input 'y'", "in")
    refused(of(inner("in", None, x=1)), errors.InnerWorkflowError, "either workflow_definition", "in")
    missing = define([numbers()], [inner("in", CHILD, x="$inputs.n")], o="$steps.in.none")
    refused(missing, errors.InvalidReferenceTargetError, "inner workflow does not have", "in")
    deep: dict[str, Any] = CHILD
    for _ in range(5):
        deep = define([parameter("x")], [inner("in", deep, x="$inputs.x")], result="$steps.in.result")
    refused(deep, errors.InnerWorkflowError, "4 deep")
    many = of(*[inner(f"in{i}", CHILD, x="$inputs.n") for i in range(33)])
    refused(many, errors.InnerWorkflowError, "32 in all")


def test_saved_workflows_as_inner_ones() -> None:
    def saved(workspace: str, workflow: str, version: str | None) -> dict[str, Any]:
        assert (workspace, version) == ("local", None)
        loop = step("roboflow_core/inner_workflow@v1", "in", workflow_workspace_id="local", workflow_id="loop",
                    parameter_bindings={})  # fmt: skip
        return CHILD if workflow == "child" else define([], [loop])

    def of(name: str, **bindings: Any) -> dict[str, Any]:
        fields = {"workflow_workspace_id": "local", "workflow_id": name, "parameter_bindings": bindings}
        return define([numbers()], [step("roboflow_core/inner_workflow@v1", "in", **fields)], o="$inputs.n")

    assert set(compile_workflow(of("child", x="$inputs.n"), with_blocks(*ALL), saved).steps) == {
        "in__first",
        "in__second",
    }
    with pytest.raises(errors.InnerWorkflowError, match="contains itself"):
        compile_workflow(of("loop"), with_blocks(*ALL), saved)
    refused(of("child", x="$inputs.n"), errors.InnerWorkflowError, "no workflow local/child")
