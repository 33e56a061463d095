"""``visionfleet workflows`` and workflows as jobs and batches, against the whole system."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest
from visionfleet import Client
from visionfleet.results import WorkflowOutputs

from tests.e2e.test_cli import IMAGES, SCENE, document, visionfleet
from tests.launcher import Launched

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

YAML = """
version: "1.0"
inputs:
  - {type: WorkflowImage, name: photo}
  - {type: WorkflowParameter, name: most, default_value: 300}
steps:
  - type: ObjectDetectionModel
    name: find
    image: $inputs.photo
    model_id: shapes-detector
    max_detections: $inputs.most
  - {type: Crop, name: crop, image: $inputs.photo, predictions: $steps.find.predictions}
  - {type: ClassificationModel, name: name, image: $steps.crop.crops, model_id: shapes-classifier}
outputs:
  - {type: JsonField, name: found, selector: $steps.find.predictions}
  - {type: JsonField, name: names, selector: $steps.name.predictions}
"""


@pytest.fixture
def shapes(tmp_path: Path) -> Path:
    file = tmp_path / "shapes.yaml"
    file.write_text(YAML)
    return file


def test_validate_says_what_is_wrong_and_where(system: Launched, shapes: Path) -> None:
    good = visionfleet(system, "workflows", "validate", shapes)
    assert (good.returncode, good.stdout.strip()) == (0, "The definition is valid."), good.stderr
    shapes.write_text(YAML.replace("predictions: $steps.find.predictions", "predictions: $steps.lost.predictions"))
    bad = visionfleet(system, "workflows", "validate", shapes)
    assert bad.returncode == 1
    assert "crop" in bad.stderr
    assert "lost" in bad.stderr
    assert "Traceback" not in bad.stderr


def test_run_with_a_trace(system: Launched, shapes: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace.json"
    images = ("--image", f"photo={SCENE}", "--image", f"photo={IMAGES / 'desk.jpg'}")
    rows = document(visionfleet(system, "workflows", "run", shapes, *images, "-p", "most=3", "--trace", trace))
    assert [len(row["found"]["predictions"]) for row in rows] == [len(row["names"]) for row in rows]
    assert len(rows[0]["names"]) == 3
    events = json.loads(trace.read_text())["traceEvents"]
    assert all({"name", "ph", "ts"} <= set(event) for event in events)
    assert any("crop" in event["name"] for event in events)


def test_describe_the_interface_and_all_blocks(system: Launched, shapes: Path) -> None:
    found = document(visionfleet(system, "workflows", "describe", shapes, "--json"))
    assert found["inputs"]["photo"] == ["image"]
    assert found["outputs"]["found"] == ["object_detection_prediction"]
    blocks = document(visionfleet(system, "workflows", "describe", "--json"))
    assert {"roboflow_core/dynamic_crop@v1", "roboflow_core/webhook_sink@v1"} <= {
        block["manifest_type_identifier"] for block in blocks
    }
    shown = visionfleet(system, "workflows", "describe", shapes)
    assert "object_detection_prediction" in shown.stdout


def test_graph_save_list_and_run_by_id(system: Launched, shapes: Path, tmp_path: Path) -> None:
    drawing = tmp_path / "shapes.svg"
    assert visionfleet(system, "workflows", "graph", shapes, "-o", drawing).returncode == 0
    texts = {element.text for element in ElementTree.parse(drawing).iter() if element.tag.endswith("text")}
    assert {"photo", "find", "crop", "name", "found", "names"} <= texts
    assert "version 1" in visionfleet(system, "workflows", "save", "cli-shapes", shapes).stdout
    assert "version 2" in visionfleet(system, "workflows", "save", "cli-shapes", shapes).stdout
    listed = document(visionfleet(system, "workflows", "list", "--json"))
    assert {one["id"]: one["version"] for one in listed}["cli-shapes"] == 2
    rows = document(visionfleet(system, "workflows", "run", "cli-shapes", "--image", f"photo={SCENE}"))
    assert len(rows[0]["names"]) >= 8


def test_as_a_job_and_as_a_batch(system: Launched, shapes: Path, tmp_path: Path) -> None:
    photos, found = tmp_path / "photos", tmp_path / "found.ndjson"
    photos.mkdir()
    for name in ("scene.jpg", "desk.jpg"):
        shutil.copy(IMAGES / name, photos)
    (photos / "broken.jpg").write_bytes(b"\xff\xd8 no picture")
    options = ("--workflow", shapes, "-p", "most=2", "--out", found, "--json")
    ran = visionfleet(system, "batches", "submit", photos, *options)
    assert (ran.returncode, bool(ran.stdout)) == (1, True), ran.stderr  # one image failed
    assert (json.loads(ran.stdout)["total"], json.loads(ran.stdout)["failed"]) == (3, 1)
    lines = {line["source"]: line for line in map(json.loads, found.read_text().splitlines())}
    assert len(lines["scene.jpg"]["output"]["outputs"][0]["names"]) == 2
    assert lines["broken.jpg"]["error"]["code"] == "invalid_image"
    assert lines["broken.jpg"]["error"]["message"].startswith("Step 'find':")

    with Client(system.base_url) as client:
        client.workflows.save("cli-shapes-job", YAML)
        job = client.jobs.wait(client.workflows.submit("cli-shapes-job", {"photo": SCENE}, {"most": 4}))
        assert job.state == "succeeded", job.error
        (run,) = job.outputs
        assert isinstance(run, WorkflowOutputs)
        assert len(run.outputs[0]["names"]) == 4
        batch = client.batches.create(workflow="cli-shapes-job", inputs={"most": 1}, files=photos / "scene.jpg")
        assert client.batches.wait(batch).state == "succeeded"
        (line,) = client.batches.results(batch)
        assert isinstance(line.result, WorkflowOutputs)
        assert len(line.result.outputs[0]["names"]) == 1
