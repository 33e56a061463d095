"""inference-sdk: pipelines on a camera."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.cameras.camera import Camera
from tests.sdk.environments import CallFailed, Sdk

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
WORKFLOW = {
    "version": "1.0",
    "inputs": [{"type": "WorkflowImage", "name": "image"}],
    "steps": [
        {
            "type": "roboflow_core/roboflow_object_detection_model@v2",
            "name": "detect",
            "images": "$inputs.image",
            "model_id": "shapes-detector",
        }
    ],
    "outputs": [{"type": "JsonField", "name": "found", "selector": "$steps.detect.predictions"}],
}


@pytest.fixture(scope="module")
def camera() -> Iterator[Camera]:
    with Camera(fps=8) as started:
        yield started


def until(ask: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if answer := ask():
            return answer
        time.sleep(0.1)
    raise AssertionError(f"not in time: {what}")


def test_the_life_of_a_pipeline(sdk: Sdk, camera: Camera) -> None:
    started = sdk.call(
        "start_inference_pipeline_with_workflow",
        video_reference=[camera.url, camera.path("cam/2")],
        workflow_specification=WORKFLOW,
        results_buffer_size=16,
    )
    assert started["status"] == "success"
    pipeline = started["context"]["pipeline_id"]
    assert pipeline in sdk.call("list_inference_pipelines")["pipelines"]

    def consumed() -> Any:
        answer = sdk.call("consume_inference_pipeline_result", pipeline)
        return answer if answer["outputs"] else None

    answer = until(consumed, "a result")
    place = next(number for number, output in enumerate(answer["outputs"]) if output is not None)
    assert {row["class"] for row in answer["outputs"][place]["found"]["predictions"]} <= {
        "circle",
        "square",
        "triangle",
    }
    assert answer["frames_metadata"][place]["source_id"] == place
    assert len(answer["outputs"]) == len(answer["frames_metadata"]) == 2
    left = until(lambda: sdk.call("consume_inference_pipeline_result", pipeline, ["found"])["outputs"], "another")
    assert {} in left

    def states() -> list[str]:
        report = sdk.call("get_inference_pipeline_status", pipeline)["report"]
        return [source["state"] for source in report["sources_metadata"]]

    until(lambda: states() == ["RUNNING", "RUNNING"], "running")
    assert sdk.call("pause_inference_pipeline", pipeline)["status"] == "success"
    until(lambda: states() == ["MUTED", "MUTED"], "muted")
    assert sdk.call("resume_inference_pipeline", pipeline)["status"] == "success"
    until(lambda: states() == ["RUNNING", "RUNNING"], "running again")
    assert sdk.call("terminate_inference_pipeline", pipeline)["status"] == "success"
    assert pipeline not in sdk.call("list_inference_pipelines")["pipelines"]
    with pytest.raises(CallFailed):
        sdk.call("get_inference_pipeline_status", pipeline)


def test_a_camera_that_is_not_there_is_told_at_once(newest: Sdk, camera: Camera) -> None:
    with pytest.raises(CallFailed, match="no video under that path"):
        newest.call(
            "start_inference_pipeline_with_workflow",
            video_reference=[camera.path("nothing-here")],
            workflow_specification=WORKFLOW,
        )
    assert newest.call("list_inference_pipelines")["pipelines"] == []
