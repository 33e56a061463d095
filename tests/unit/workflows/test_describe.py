"""What the describe routes tell beside blocks: the query language, Python blocks, kinds in JSON."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from shared.workflows import describe, kinds
from shared.workflows.catalog import core
from shared.workflows.compiler import compile_workflow, with_python
from shared.workflows.errors import DynamicBlockError
from shared.workflows.uql.describe import query_language
from shared.workflows.uql.language import AnyOperation
from shared.workflows.uql.statements import CHECK, COMPARE

PYTHON = {
    "type": "DynamicBlockDefinition",
    "manifest": {
        "type": "ManifestDescription",
        "block_type": "double",
        "inputs": {"n": {"type": "DynamicInputDefinition", "value_types": ["integer"]}},
        "outputs": {"twice": {"type": "DynamicOutputDefinition", "kind": ["integer"]}},
    },
    "code": {"type": "PythonCode", "run_function_code": "def run(self, n):\n    return {'twice': 2 * n}"},
}


def test_every_operation_and_operator_is_described() -> None:
    told = query_language()
    operations = {one["operation_type"]: one for one in told["operations_description"]}
    assert len(operations) == len(get_args(get_args(AnyOperation)[0])) == 36
    assert {one["operator_type"]: one["operands_number"] for one in told["operators_descriptions"]} == {
        **dict.fromkeys(COMPARE, 2),
        **dict.fromkeys(CHECK, 1),
    }
    assert all(one["description"] and one["input_kind"] and one["output_kind"] for one in operations.values())
    assert all(one["description"] and one["operands_kinds"] for one in told["operators_descriptions"])
    assert {name for name, one in operations.items() if one["compound"]} == {"SequenceApply", "DetectionsFilter"}
    assert operations["DetectionsFilter"]["nested_operation_input_kind"] == [kinds.describe(kinds.DETECTION)]
    assert "class_name" in operations["DetectionsPropertyExtract"]["property_name_options"]
    assert operations["ExtractImageProperty"]["property_name_options"] == ["size", "height", "width", "aspect_ratio"]


def test_python_blocks_are_described_with_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    told = describe.blocks(core())
    schema = told["dynamic_block_definition_schema"]
    assert set(schema["required"]) == set(PYTHON) == set(schema["properties"])
    assert {"run_function_code", "imports"} <= set(schema["$defs"]["Code"]["properties"])
    assert {"block_type", "inputs", "accepts_batch_input"} <= set(schema["$defs"]["Manifest"]["properties"])
    with pytest.raises(DynamicBlockError, match="VISIONFLEET_WORKFLOW_PYTHON"):
        with_python(core(), [PYTHON])
    monkeypatch.setenv("VISIONFLEET_WORKFLOW_PYTHON", "1")
    (one,) = [
        block
        for block in describe.blocks(with_python(core(), [PYTHON]))["blocks"]
        if block["manifest_type_identifier"] == "double"
    ]
    assert one["block_source"] == "dynamic_workflows_blocks"
    assert [output["name"] for output in one["outputs_manifest"]] == ["twice"]


def test_kinds_have_schemas() -> None:
    definition: dict[str, Any] = {
        "version": "1.0",
        "inputs": [
            {"type": "WorkflowImage", "name": "image"},
            {"type": "WorkflowParameter", "name": "size", "kind": ["integer", "a_kind_of_another_time"]},
        ],
        "steps": [
            {
                "type": "roboflow_core/image_blur@v1",
                "name": "blur",
                "image": "$inputs.image",
                "kernel_size": "$inputs.size",
            }
        ],
        "outputs": [{"type": "JsonField", "name": "out", "selector": "$steps.blur.image"}],
    }
    told = describe.interface(compile_workflow(definition))
    assert told["kinds_schemas"] == {
        "image": {"type": "object"},
        "integer": {"type": "integer"},
        "a_kind_of_another_time": {},
    }
    missing = {kind.serialised_data_type for kind in kinds.every() if not kinds.schema(kind.name)}
    assert missing <= {"Any"}
