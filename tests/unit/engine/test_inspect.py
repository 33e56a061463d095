from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from shared.errors import InvalidModelId, ModelLoadFailed
from tests.unit.engine import graphs
from worker_service.engine import inspect as inspection
from worker_service.engine.engine import Engine
from worker_service.engine.families.yolov8 import FAMILY
from worker_service.engine.inspect import inspect
from worker_service.engine.runtime.signature import GraphSignature, TensorSpec
from worker_service.settings import EngineSettings

ULTRALYTICS = {"names": "{0: 'x', 1: 'y', 2: 'z'}", "task": "detect", "stride": "32", "imgsz": "[64, 64]"}


def signature(shape: tuple[int | str, ...], **metadata: str) -> GraphSignature:
    image = TensorSpec("images", ("batch", 3, 640, 640), "float32")
    return GraphSignature((image,), (TensorSpec("output0", shape, "float32"),), metadata)


def test_metadata_leaves_no_doubt(tmp_path: Path) -> None:
    proposal = inspect(graphs.detector(tmp_path / "my-model.onnx", graphs.ROWS, **ULTRALYTICS))
    manifest = proposal.manifest
    assert proposal.unsure == ()
    assert (manifest.id, manifest.task, manifest.family) == ("my-model", "object-detection", "yolov8")
    assert manifest.labels == ("x", "y", "z")
    assert (manifest.input.width, manifest.input.height, manifest.input.resize) == (64, 64, "letterbox")


def test_without_metadata_it_says_what_it_guessed(tmp_path: Path) -> None:
    proposal = inspect(graphs.classifier(tmp_path / "w.onnx", [0, 1, 2]), "project/1")
    assert proposal.manifest.id == "project/1"
    assert proposal.manifest.labels == ("class_0", "class_1", "class_2")
    assert [line.split(":")[0] for line in proposal.unsure] == ["family", "labels", "input", "activation"]


def test_the_proposal_runs(tmp_path: Path) -> None:
    proposal = inspect(graphs.detector(tmp_path / "m" / "weights.onnx", graphs.ROWS, **ULTRALYTICS), "m")
    (tmp_path / "m" / "model.json").write_text(proposal.manifest.model_dump_json())
    assert Engine(EngineSettings(model_dirs=(tmp_path,))).get("m").manifest == proposal.manifest


def test_labels_that_only_the_caller_knows(tmp_path: Path) -> None:
    path = graphs.numbered(tmp_path / "w.onnx", np.zeros((3, 6), np.float32), batch=1)
    with pytest.raises(ModelLoadFailed, match="'labels' decides"):
        inspect(path)
    proposal = inspect(path, labels=("x", "y"))
    assert (proposal.manifest.family, proposal.manifest.labels) == ("yolov7-end2end", ("x", "y"))


def test_ambiguous_graphs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Twin:
        name, task = "twin", "object-detection"
        matches, load = FAMILY.matches, FAMILY.load

    registry = inspection.registry()
    monkeypatch.setattr(registry, "_plugins", {**registry._plugins, "twin": ("test", Twin())})
    path = graphs.detector(tmp_path / "w.onnx", graphs.ROWS)
    with pytest.raises(
        ModelLoadFailed, match=r"may be yolov8 or twin; 'family' in model.json decides. Seen: .*output0"
    ):
        inspect(path)
    assert inspect(path, family="yolov8").manifest.family == "yolov8"


@pytest.mark.parametrize(
    ("outputs", "families"),
    [
        ([(1, 300, 6)], "yolov10 or yolov5"),  # boxes of a graph that suppresses, or of one class with objectness
        ([("batch", "boxes", 4), ("batch", "boxes", 80)], "rfdetr or yolo-nas"),
        ([(1, 100, 38), (1, 32, 160, 160)], "yolov10-seg or yolov5-seg"),
        ([("rows", 7)], "classification or yolov7-end2end"),
    ],
)
def test_layouts_that_two_families_share_are_refused(outputs: list[tuple[int | str, ...]], families: str) -> None:
    """Without metadata and with an input of any size, nothing tells them apart."""
    image = TensorSpec("images", ("batch", 3, "height", "width"), "float32")
    rows = tuple(TensorSpec(f"out{i}", shape, "float32") for i, shape in enumerate(outputs))
    seen = re.escape(f"The graph may be {families}; 'family' in model.json decides. Seen: inputs {image}; outputs ")
    with pytest.raises(ModelLoadFailed, match=f"{seen}.*{re.escape(str(rows[-1]))}; no metadata"):
        inspection.recognise(GraphSignature((image,), rows))


def test_unknown_families_and_ids_are_refused(tmp_path: Path) -> None:
    path = graphs.detector(tmp_path / "w.onnx", graphs.ROWS)
    with pytest.raises(ModelLoadFailed, match="known: classification"):
        inspect(path, family="yolo99")
    with pytest.raises(InvalidModelId):
        inspect(path, "../x")
    (tmp_path / "bad.onnx").write_bytes(b"bad")
    with pytest.raises(ModelLoadFailed):
        inspect(tmp_path / "bad.onnx")


@pytest.mark.parametrize(
    ("seen", "score"),
    [
        (signature(("batch", 84, 8400)), 0.5),
        (signature(("batch", "rows", "anchors"), names="['a']", task="detect"), 1.0),
        (signature(("batch", "rows", "anchors"), names="['a']"), 0.5),
        (signature(("batch", 84, 8400), names="['a']"), None),  # labels contradict the shape
        (signature(("batch", 25200, 85)), None),  # YOLOv5's layout
        (signature((1, 300, 6)), None),  # suppression inside
        (signature((1, "n", "m"), names="['a']", end2end="True"), None),
        (signature((1, "n", "m"), names="['a']", args="{'nms': True}"), None),
        (signature(("batch", 116, 8400), task="segment"), None),
        (signature(("batch", "rows", "anchors")), None),
    ],
)
def test_yolov8_knows_its_layout(seen: GraphSignature, score: float | None) -> None:
    assert FAMILY.matches(seen) == score


def test_a_manifest_without_family_is_recognised_at_load(models: Path, engine: Engine) -> None:
    graphs.package(models / "det", task="object-detection")
    assert type(engine.get("det")).__name__ == "YoloV8"
