"""Uploads to a local server that answers as Roboflow's upload endpoints do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pytest
from pydantic import SecretStr

from shared.workflows.batch import Batch
from shared.workflows.blocks.sinks.roboflow_dataset_upload import RoboflowDatasetUpload, RoboflowDatasetUploadV2
from shared.workflows.services import Services
from shared.workflows.settings import WorkflowSettings
from shared.workflows.testing import make, run_block, run_workflow
from tests.unit.workflows.pictures import found, noise
from tests.unit.workflows.receiver import Receiver, receiver

IMAGE = noise(128, 64)


@pytest.fixture
def server() -> Iterator[Receiver]:
    with receiver() as made:
        made.answer = lambda _: (200, {"success": True, "id": "img1"})
        yield made


def sink(server: Receiver, block: Any = RoboflowDatasetUploadV2, key: str = "k3y") -> Any:
    settings = WorkflowSettings(workflow_roboflow_url=server.url, workflow_roboflow_api_key=SecretStr(key))
    return make(block, Services(settings=settings))


def upload(block: Any, count: int = 1, **fields: Any) -> list[dict[str, Any]]:
    given = {"target_project": "shapes", "usage_quota_name": "q", "fire_and_forget": False, **fields}
    answer: list[dict[str, Any]] = run_block(block, images=Batch([IMAGE] * count), **given)
    return answer


@pytest.mark.parametrize("block", [RoboflowDatasetUpload, RoboflowDatasetUploadV2])
def test_a_picture_and_what_was_seen_on_it_are_of_one_size(server: Receiver, block: Any) -> None:
    (answer,) = upload(
        sink(server, block), predictions=Batch([found(IMAGE, (20, 10, 60, 30))]), max_image_size=(64, 64),
        registration_tags=["a", "b"], image_name=Batch(["gate/1"]), target_project="work/shapes",
    )  # fmt: skip
    assert answer == {"error_status": False, "message": "Uploaded."}
    picture, annotation = server.requests
    assert picture.path == "/dataset/shapes/upload"
    assert picture.query == {"api_key": ["k3y"], "batch": ["workflows_data_collector"], "tag": ["a", "b"]}
    jpeg = picture.parts["file"].get_payload(decode=True)
    pixels = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    assert pixels.shape == (32, 64, 3)
    assert picture.parts["name"].get_content().strip() == "gate_1.jpg"
    assert annotation.path == "/dataset/shapes/annotate/img1"
    row = annotation.json["predictions"][0]
    assert (row["x"], row["y"], row["width"], row["height"]) == (20, 10, 20, 10)


def test_limits_are_kept_and_what_was_not_stored_costs_nothing(server: Receiver) -> None:
    block = sink(server)
    server.answer = lambda _: (200, {"duplicate": True})
    assert "already" in upload(block, minutely_usage_limit=2)[0]["message"]
    server.answer = lambda _: (503, {})
    assert upload(block, minutely_usage_limit=2)[0]["error_status"]
    server.answer = lambda _: (200, {"success": True, "id": "img1"})
    messages = [answer["message"] for answer in upload(block, 3, hourly_usage_limit=2)]
    assert messages == ["Uploaded.", "Uploaded.", "Not uploaded: the quota is used up."]
    assert upload(block, hourly_usage_limit=2, usage_quota_name="other")[0]["message"] == "Uploaded."


def test_metadata(server: Receiver) -> None:
    upload(sink(server), metadata={"gate": 4})
    assert server.requests[0].parts["metadata"].get_content().strip() == '{"gate": 4}'


def test_a_share_of_nothing_uploads_nothing(server: Receiver) -> None:
    assert "data_percentage" in upload(sink(server), data_percentage=0)[0]["message"]
    assert server.requests == []


@pytest.mark.parametrize(
    ("key", "fields", "said"),
    [
        ("", {}, "VISIONFLEET_WORKFLOW_ROBOFLOW_API_KEY"),
        ("k3y", {"target_project": "a?b=c"}, "target_project"),
        ("k3y", {"target_project": ".."}, "target_project"),
        ("k3y", {"labeling_batch_prefix": "a b"}, "labeling_batch_prefix"),
    ],
)
def test_what_cannot_be_is_said(server: Receiver, key: str, fields: dict[str, Any], said: str) -> None:
    (answer,) = upload(sink(server, key=key), **fields)
    assert answer["error_status"]
    assert said in answer["message"]
    assert server.requests == []


def test_a_refused_key_is_not_shown(server: Receiver) -> None:
    server.answer = lambda _: (401, {})
    (answer,) = upload(sink(server))
    assert "API key" in answer["message"]
    assert "k3y" not in answer["message"]


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_in_a_definition(server: Receiver, version: str) -> None:
    definition = {
        "version": "1.0",
        "inputs": [{"type": "WorkflowImage", "name": "image"}, {"type": "WorkflowParameter", "name": "project"}],
        "steps": [
            {
                "type": f"roboflow_core/roboflow_dataset_upload@{version}",
                "name": "upload",
                "images": "$inputs.image",
                "target_project": "$inputs.project",
                "usage_quota_name": "q",
                "fire_and_forget": False,
            }
        ],
        "outputs": [{"type": "JsonField", "name": "said", "selector": "$steps.upload.message"}],
    }
    services = sink(server).services
    pictures = {"image": [IMAGE.pixels, IMAGE.pixels], "project": "shapes"}
    assert run_workflow(definition, pictures, services=services) == [{"said": "Uploaded."}] * 2
    assert len(server.requests) == 2
