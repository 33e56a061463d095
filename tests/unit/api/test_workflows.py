"""Workflow routes: what becomes of a request, and of a worker's answer."""

from __future__ import annotations

import base64
from typing import Any

import msgpack
import pytest
from aiohttp.test_utils import TestClient

from shared.errors import ModelNotFound
from shared.jobs import Job, JobResult
from shared.workflows import errors
from tests.unit.api.conftest import JPEG
from tests.unit.api.fakes import MemoryFleet, MemoryQueue

DEFINITION = {
    "version": "1.0",
    "inputs": [
        {"type": "WorkflowImage", "name": "image"},
        {"type": "WorkflowBatchInput", "name": "more", "kind": ["image"]},
        {"type": "WorkflowParameter", "name": "p"},
    ],
    "steps": [],
    "outputs": [],
}
BASE64 = base64.b64encode(JPEG).decode()


@pytest.fixture
def answers(queue: MemoryQueue, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the worker answers, or the error that it raises."""
    told: dict[str, Any] = {"output": {"outputs": [{"a": 1}]}}

    def run(job: Job) -> JobResult:
        if "error" in told:
            return JobResult.failed(job.id, told["error"])
        return JobResult(job.id, "succeeded", outputs=[{"output": told["output"]}])

    monkeypatch.setattr(queue, "_run", run)
    return told


@pytest.mark.parametrize("path", ["/workflows/run", "/infer/workflows"])
async def test_images_travel_as_files_and_the_rest_as_it_is(
    client: TestClient, queue: MemoryQueue, answers: dict[str, Any], path: str
) -> None:
    inputs = {
        "image": [{"type": "base64", "value": BASE64, "video_metadata": {"video_identifier": "v"}}, BASE64],
        "more": {"type": "base64", "value": f"data:image/jpeg;base64,{BASE64}"},
        "p": BASE64,
    }
    body = {"specification": DEFINITION, "inputs": inputs, "excluded_fields": ["x"], "disable_sinks": True}
    response = await client.post(path, json=body)
    assert response.status == 200, await response.text()
    assert await response.json() == {"outputs": [{"a": 1}], "profiler_trace": []}
    (job,) = queue.seen
    assert (job.kind, job.model, job.inputs) == ("workflow", "@workflows", [JPEG] * 3)
    assert job.params["inputs"] == {
        "image": [{"type": "base64", "video_metadata": {"video_identifier": "v"}, "$image": 0}, {"$image": 1}],
        "more": {"type": "base64", "$image": 2},
        "p": BASE64,
    }
    assert (job.params["excluded_fields"], job.params["disable_sinks"]) == (["x"], True)


@pytest.mark.parametrize("value", [{"type": "base64", "value": "%%%"}, 5, {"value": None}, "not base64!"])
async def test_a_bad_image_is_refused_before_anything_is_queued(
    client: TestClient, queue: MemoryQueue, answers: dict[str, Any], value: Any
) -> None:
    response = await client.post("/workflows/run", json={"specification": DEFINITION, "inputs": {"image": value}})
    assert response.status == 400
    assert queue.seen == []


async def test_too_many_images_are_refused(client: TestClient, answers: dict[str, Any]) -> None:
    body = {"specification": DEFINITION, "inputs": {"image": [BASE64] * 5}}
    response = await client.post("/workflows/run", json=body)
    assert response.status == 413


async def test_a_definition_s_mistake_is_answered_in_the_shape_that_clients_read(
    client: TestClient, answers: dict[str, Any]
) -> None:
    where = errors.BlockError("a", "Crop", "image", "missing")
    answers["error"] = errors.WorkflowSyntaxError("Step 'a'", errors.PARSING, [where])
    response = await client.post("/workflows/validate", json=DEFINITION)
    assert response.status == 400
    assert await response.json() == {
        "message": "Step 'a'",
        "error_type": "WorkflowSyntaxError",
        "context": "workflow_compilation | workflow_definition_parsing",
        "inner_error_type": "None",
        "inner_error_message": "None",
        "blocks_errors": [
            {
                "block_id": "a",
                "block_type": "Crop",
                "property_name": "image",
                "property_details": "missing",
                "block_details": None,
                "block_traceback": None,
            }
        ],
        "python_blocks_output_streams": None,
        "python_blocks_debug_traces": None,
        "code": "workflow_error",
    }


async def test_errors_of_steps_have_the_status_of_what_they_raised(client: TestClient, answers: dict[str, Any]) -> None:
    block = errors.BlockError("a", "x")
    body = {"specification": DEFINITION, "inputs": {}}
    answers["error"] = errors.ClientCausedStepExecutionError("no", ModelNotFound("There is none."), block)
    assert (await client.post("/workflows/run", json=body)).status == 404
    answers["error"] = errors.StepExecutionError("no", errors.RUN_STEP, [block])
    response = await client.post("/workflows/run", json=body)
    assert (response.status, (await response.json())["blocks_errors"][0]["block_id"]) == (500, "a")
    answers["error"] = errors.RuntimeInputError("no", errors.RUN_INPUTS)
    assert (await client.post("/workflows/run", json=body)).status == 400


async def test_without_a_worker_nothing_is_queued(
    client: TestClient, queue: MemoryQueue, fleet: MemoryFleet, answers: dict[str, Any]
) -> None:
    fleet.fleet.workers.clear()
    response = await client.post("/workflows/validate", json=DEFINITION)
    assert response.status == 503
    assert queue.seen == []


@pytest.mark.parametrize(
    "question",
    [
        ("GET", "/workflows/execution_engine/versions", None, "versions"),
        ("GET", "/workflows/definition/schema", None, "schema"),
        ("GET", "/workflows/blocks/describe", None, "describe_blocks"),
        ("POST", "/workflows/blocks/describe", {"execution_engine_version": "1.3.0"}, "describe_blocks"),
        ("POST", "/workflows/blocks/describe", None, "describe_blocks"),
        ("POST", "/workflows/describe_interface", {"specification": DEFINITION, "api_key": "k"}, "describe_interface"),
        ("POST", "/workflows/validate", DEFINITION, "validate"),
    ],
)
async def test_every_question_goes_to_a_worker(
    client: TestClient, queue: MemoryQueue, answers: dict[str, Any], question: tuple[str, str, Any, str]
) -> None:
    method, path, body, do = question
    answers["output"] = {"x": 1}
    response = await client.request(method, path, json=body)
    assert response.status == 200, await response.text()
    assert await response.json() == {"x": 1}
    assert queue.seen[0].params["do"] == do


async def test_dynamic_outputs_are_a_list(client: TestClient, queue: MemoryQueue, answers: dict[str, Any]) -> None:
    answers["output"] = {"outputs": [{"name": "a", "kind": []}]}
    response = await client.post("/workflows/blocks/dynamic_outputs", json={"type": "Crop", "name": "c"})
    assert await response.json() == [{"name": "a", "kind": []}]
    assert queue.seen[0].params["step"] == {"type": "Crop", "name": "c"}


async def test_other_workspaces_are_not_here(client: TestClient, answers: dict[str, Any]) -> None:
    response = await client.post("/somebody/workflows/x", json={"inputs": {}})
    assert response.status == 404


async def test_a_workflow_is_a_job_like_any_other(
    client: TestClient, queue: MemoryQueue, answers: dict[str, Any]
) -> None:
    workflow = {"specification": DEFINITION, "inputs": {"image": BASE64}, "disable_sinks": True}
    body = {"workflow": workflow, "priority": "bulk", "timeout": 5, "metadata": {"a": "b"}}
    response = await client.post("/v1/jobs", json=body, headers={"Prefer": "wait=1"})
    assert response.status == 200, await response.text()
    assert (await response.json())["outputs"] == [{"output": {"outputs": [{"a": 1}]}}]
    (job,) = queue.seen
    assert (job.kind, job.lane, job.timeout_ms, job.inputs) == ("workflow", "bulk", 5000, [JPEG])
    assert job.params["disable_sinks"] is True


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"model": "m", "workflow": {"specification": DEFINITION}},
        {"workflow": {}},
        {"workflow": {"specification": DEFINITION, "id": "x"}},
        {"workflow": {"specification": DEFINITION}, "image": {"type": "base64", "value": BASE64}},
    ],
)
async def test_jobs_that_are_neither_or_both(client: TestClient, answers: dict[str, Any], body: Any) -> None:
    assert (await client.post("/v1/jobs", json=body)).status == 422


async def test_headers_of_a_run(client: TestClient, answers: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    definition = {**DEFINITION, "steps": [{"name": "a", "model_id": "team/7"}, {"name": "b", "model_id": "$inputs.p"}]}
    run = {"specification": definition, "inputs": {"p": "shapes-detector"}}
    response = await client.post("/workflows/run", json=run)
    assert response.headers["X-Model-Id"] == "shapes-detector,team/7"
    assert "X-Workflow-Id" not in response.headers

    async def saved(*_: object) -> dict[str, Any]:
        return definition

    monkeypatch.setattr("api_service.workflows.saved", saved)
    response = await client.post("/local/workflows/mine", json={"inputs": {"p": "nowhere"}})
    assert (response.headers["X-Workflow-Id"], response.headers["X-Model-Id"]) == ("mine", "team/7")


async def test_pictures_as_bytes_in_msgpack(client: TestClient, queue: MemoryQueue, answers: dict[str, Any]) -> None:
    inputs = {"image": [{"type": "bytes", "value": JPEG}, JPEG], "more": BASE64}
    body = msgpack.packb({"specification": DEFINITION, "inputs": inputs})
    headers = {"Content-Type": "application/msgpack", "Accept": "application/msgpack"}
    response = await client.post("/workflows/run", data=body, headers=headers)
    assert msgpack.unpackb(await response.read()) == {"outputs": [{"a": 1}], "profiler_trace": []}
    assert queue.seen[0].inputs == [JPEG] * 3
    wrong = msgpack.packb({"specification": DEFINITION, "inputs": {"image": b""}})
    assert (await client.post("/workflows/run", data=wrong, headers=headers)).status == 400
