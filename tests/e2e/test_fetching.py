"""A server with a key of Roboflow's fetches models that nobody has, while clients wait and retry."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from visionfleet import Client, Detections, RetryPolicy
from visionfleet.errors import ModelNotFound

from tests.launcher import ROOT, Launched, end, launch, until_ready
from tests.roboflow_fake import KEY, FakeRoboflow

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


@pytest.fixture
def fetching(tmp_path: Path) -> Iterator[tuple[Launched, FakeRoboflow]]:
    labels = __import__("json").loads((ROOT / "models/shapes-detector/model.json").read_text())["labels"]
    fake = FakeRoboflow(ROOT / "models/shapes-detector/weights.onnx", labels)
    variables = {"ROBOFLOW_API_KEY": KEY, "VISIONFLEET_ROBOFLOW_API_URL": fake.url}
    launched = launch(tmp_path, "--no-demo", VISIONFLEET_FETCH_ALLOW_PRIVATE="true", **variables)
    try:
        until_ready(launched)
        yield launched, fake
    finally:
        end(launched)
        fake.close()


def test_unknown_models_are_fetched_when_they_are_asked_for(fetching: tuple[Launched, FakeRoboflow]) -> None:
    launched, fake = fetching
    body = {"model_id": "yolov8n-640", "image": {"type": "base64", "value": "AAAA"}}
    refused = httpx.post(f"{launched.base_url}/infer/object_detection", json=body, timeout=30)
    assert (refused.status_code, refused.json()["code"]) == (503, "model_not_ready")
    assert int(refused.headers["Retry-After"]) >= 1
    with Client(launched.base_url, timeout=60, retry=RetryPolicy(retries=50)) as client:
        found = client.infer(ROOT / "examples/images/scene.jpg", "yolov8n-640", confidence=0.5)
        assert isinstance(found, Detections)
        assert len(found) >= 5
        client.models.load("things-abc")
        assert {"coco/3", "things-abc"} <= {model.id for model in client.models.list()}
        with pytest.raises(ModelNotFound, match="Neither this server nor Roboflow"):
            client.models.load("coco/999")
    check_everything_else(launched)
    downloads = [path for path, _ in fake.asked if path == "/files/weights.onnx"]
    assert len(downloads) == 5, "each was fetched once"
    assert KEY not in "".join(path.read_text(errors="replace") for path in launched.data_dir.rglob("logs/*.log"))


def check_everything_else(launched: Launched) -> None:
    """Jobs, batches of files and workflows fetch what they need too; a public name of the newer endpoint among it."""
    scene = ROOT / "examples/images/scene.jpg"
    with Client(launched.base_url, timeout=90, retry=RetryPolicy(retries=50)) as client:
        job = client.jobs.wait(client.jobs.submit(scene, "yolo26n-640", confidence=0.01), 90)
        assert (job.state, job.model) == ("succeeded", "coco/41")
        batch = client.batches.wait(client.batches.create("me/mine", files=[scene]), 90)
        assert (batch.state, batch.model, batch.failed) == ("succeeded", "me/mine", 0)
        definition = {
            "version": "1.0",
            "inputs": [
                {"type": "WorkflowImage", "name": "image"},
                {"type": "WorkflowParameter", "name": "model", "default_value": "coco/42"},
            ],
            "steps": [
                {
                    "type": "roboflow_core/roboflow_object_detection_model@v2",
                    "name": "find",
                    "images": "$inputs.image",
                    "model_id": "$inputs.model",
                }
            ],
            "outputs": [{"type": "JsonField", "name": "found", "selector": "$steps.find.predictions"}],
        }
        answer = client.workflows.run(definition, images={"image": scene})
        assert "predictions" in answer["outputs"][0]["found"]
