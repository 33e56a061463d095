"""The engine in this process, through the client's door."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from visionfleet import Classification, Detections, get_model, native, store
from visionfleet.errors import InvalidImage, InvalidRequest, ModelLoadFailed, ModelNotFound

from tests.unit.engine import graphs

ROOT = Path(__file__).resolve().parents[3]
SCENE = ROOT / "examples" / "images" / "scene.jpg"
ROWS = np.repeat([[32.0], [32.0], [10.0], [20.0], [0.9], [0.1]], 84, axis=1)  # anchors of 64 px: box, two classes


def test_detects_and_agrees_with_itself_on_pixels() -> None:
    model = get_model("shapes-detector")
    found = model.infer(SCENE, confidence=0.5, visualize=True)
    assert isinstance(found, Detections)
    assert {"cross", "ring", "star"} <= {box.class_name for box in found}
    assert min(box.confidence for box in found) >= 0.5
    assert found.visualization is not None
    assert cv2.imdecode(np.frombuffer(found.visualization, np.uint8), cv2.IMREAD_COLOR) is not None
    pixels = cv2.imread(str(SCENE))
    again = model.infer(pixels, confidence=0.5)
    assert isinstance(again, Detections)
    assert [box.xyxy for box in again] == [box.xyxy for box in found]


def test_classifies() -> None:
    found = get_model("shapes-classifier").infer(SCENE.with_name("star.jpg"))
    assert isinstance(found, Classification)
    assert found.top == "star"


def test_errors_are_the_clients_own() -> None:
    with pytest.raises(ModelNotFound):
        get_model("no-such-model")
    model = get_model("shapes-detector")
    with pytest.raises(InvalidImage):
        model.infer(b"no image")
    with pytest.raises(InvalidImage, match="does not fetch"):
        model.infer("https://example.org/a.jpg")
    with pytest.raises(InvalidRequest, match="confidence"):
        model.infer(SCENE, confidence=2)


def test_inspect_and_try_out(tmp_path: Path) -> None:
    graph = graphs.detector(tmp_path / "net.onnx", ROWS)
    proposal = native.inspect(graph, "mine")
    assert proposal.manifest["family"] == "yolov8"
    assert proposal.manifest["labels"] == ["class_0", "class_1"]
    assert any(doubt.startswith("labels:") for doubt in proposal.unsure)
    store.add(tmp_path / "models", proposal.manifest, proposal.files, native.try_out, replace=False)
    changed = {**proposal.manifest, "files": {"weights.onnx": "0" * 64}}
    with pytest.raises(ModelLoadFailed, match="sha256"):
        store.add(tmp_path / "models", changed, proposal.files, native.try_out, replace=True)


def test_inspect_refuses_what_is_no_graph(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"no graph")
    with pytest.raises(ModelLoadFailed):
        native.inspect(tmp_path / "net.onnx", "mine")


def fresh(code: str) -> str:
    """What a new interpreter prints; heavy packages cannot be imported in it when ``code`` blocks them."""
    environment = {"PYTHONPATH": f"{ROOT / 'client'}:{ROOT}", "PATH": ""}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_the_client_is_light() -> None:
    heavy = "{'numpy', 'cv2', 'PIL', 'onnxruntime', 'pydantic', 'worker_service', 'shared', 'api_service', 'deploy'}"
    assert fresh(f"import sys, visionfleet, visionfleet.cli.app; print({heavy} & set(sys.modules))") == "set()"


def test_without_the_engine() -> None:
    code = """
import sys
for name in ("worker_service", "numpy", "cv2", "onnxruntime"):
    sys.modules[name] = None
from visionfleet import get_model
from visionfleet.errors import NotInstalled
try:
    get_model("shapes-detector")
except NotInstalled as error:
    print(error)
"""
    assert 'pip install "visionfleet[native]"' in fresh(code)
