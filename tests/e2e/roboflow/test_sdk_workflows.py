"""inference-sdk runs workflows: definitions in the request and saved ones, batches, parameters, errors."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import pytest

from tests.launcher import ROOT
from tests.sdk.environments import CallFailed, Sdk

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
SCENE = str(ROOT / "examples" / "images" / "scene.jpg")
DEFINITION: dict[str, Any] = {
    "version": "1.0",
    "inputs": [
        {"type": "WorkflowImage", "name": "image"},
        {"type": "WorkflowParameter", "name": "confidence", "default_value": 0.4},
    ],
    "steps": [
        {
            "type": "roboflow_core/roboflow_object_detection_model@v3",
            "name": "find",
            "images": "$inputs.image",
            "model_id": "shapes-detector",
            "confidence_mode": "custom",
            "custom_confidence": "$inputs.confidence",
        },
        {
            "type": "roboflow_core/dynamic_crop@v1",
            "name": "crop",
            "images": "$inputs.image",
            "predictions": "$steps.find.predictions",
        },
        {
            "type": "roboflow_core/roboflow_classification_model@v2",
            "name": "name",
            "images": "$steps.crop.crops",
            "model_id": "shapes-classifier",
        },
        {
            "type": "roboflow_core/bounding_box_visualization@v1",
            "name": "draw",
            "image": "$inputs.image",
            "predictions": "$steps.find.predictions",
        },
    ],
    "outputs": [
        {"type": "JsonField", "name": "found", "selector": "$steps.find.predictions"},
        {"type": "JsonField", "name": "names", "selector": "$steps.name.predictions"},
        {"type": "JsonField", "name": "drawn", "selector": "$steps.draw.image"},
    ],
}


def run(sdk: Sdk, **options: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = sdk.call("run_workflow", key="any-key", images={"image": SCENE}, **options)
    return rows


def test_a_definition_runs(sdk: Sdk) -> None:
    (row,) = run(sdk, specification=DEFINITION, parameters={"confidence": 0.8})
    boxes = row["found"]["predictions"]
    assert len(boxes) == len(row["names"]) > 0
    assert all(box["confidence"] >= 0.8 for box in boxes)
    assert [one["top"] for one in row["names"]] == [box["class"] for box in boxes]
    assert isinstance(row["drawn"], str), "the SDK hands images out as base64"


def test_a_saved_workflow_runs_and_fields_are_left_out(sdk: Sdk) -> None:
    body = json.dumps({"definition": DEFINITION}).encode()
    saving = urllib.request.Request(f"{sdk.url}/v1/workflows/from-sdk", data=body, method="PUT")
    with urllib.request.urlopen(saving) as answer:
        assert answer.status == 201
    (row,) = run(sdk, workspace_name="local", workflow_id="from-sdk", excluded_fields=["drawn", "names"])
    assert set(row) == {"found"}


def test_a_mistake_is_explained(sdk: Sdk) -> None:
    with pytest.raises(CallFailed, match="points at") as caught:
        run(sdk, specification={**DEFINITION, "steps": []})
    assert caught.value.status == 400


def test_the_older_method(newest: Sdk) -> None:
    options = {"specification": DEFINITION, "parameters": {"confidence": 0.8}, "excluded_fields": ["drawn"]}
    (row,) = newest.call("infer_from_workflow", key="any-key", images={"image": SCENE}, **options)
    assert set(row) == {"found", "names"}
    saved = {"workspace_name": "local", "workflow_name": "older", "excluded_fields": ["drawn"]}
    body = json.dumps({"definition": DEFINITION}).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{newest.url}/v1/workflows/older", data=body, method="PUT")):
        pass
    (row,) = newest.call("infer_from_workflow", key="any-key", images={"image": SCENE}, **saved)
    assert set(row) == {"found", "names"}
