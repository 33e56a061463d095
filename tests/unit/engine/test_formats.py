"""Formats in which models come: recognised, explained, and run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shared.errors import ModelLoadFailed
from tests.unit.engine import graphs
from worker_service.engine.engine import Engine
from worker_service.engine.format import Proposal, Wanted, propose, registry
from worker_service.fetch.install import install
from worker_service.settings import EngineSettings

ULTRALYTICS = {"names": "{0: 'x', 1: 'y', 2: 'z'}", "task": "detect", "stride": "32", "imgsz": "[64, 64]"}
VIT = {
    "do_resize": True,
    "size": {"height": 64, "width": 64},
    "resample": 2,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
}
CONVNEXT = {
    "size": {"shortest_edge": 80},
    "crop_size": {"height": 64, "width": 64},
    "do_center_crop": True,
    "resample": 3,
    "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
}


def written(folder: Path, files: dict[str, Any]) -> Path:
    for name, value in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(value if isinstance(value, str) else json.dumps(value))
    return folder


def runs(proposal: Proposal, tmp_path: Path) -> None:
    """The proposal is stored, and an engine serves it."""
    install(tmp_path / "aside", tmp_path / "models", proposal)
    engine = Engine(EngineSettings(model_dirs=(tmp_path / "models",)))
    (answer,) = engine.infer(proposal.manifest.id, [np.zeros((40, 60, 3), np.uint8)])
    assert not isinstance(answer, Exception)


def doubts(proposal: Proposal) -> list[str]:
    return [line.split(":")[0] for line in proposal.unsure]


def hugging_face(folder: Path, processor: dict[str, Any] | None, **config: Any) -> Path:
    graphs.classifier(folder / "onnx" / "model.onnx", [0, 1, 2])
    config = {"architectures": ["ViTForImageClassification"], "id2label": {"1": "b", "0": "a", "2": "c"}, **config}
    return written(folder, {"config.json": config, **({"preprocessor_config.json": processor} if processor else {})})


def roboflow(folder: Path, **more: Any) -> Path:
    graphs.detector(folder / "weights.onnx", graphs.ROWS)
    preprocessing = {"auto-orient": {"enabled": True}, "resize": {"enabled": True, "format": "Fit (black edges) in"}}
    files = {
        "environment.json": {
            "PREPROCESSING": json.dumps(preprocessing),
            "CLASS_MAP": {"0": "no", "1": "no", "2": "no"},
        },
        "class_names.txt": "x\ny\nz\n",
        "model_type.json": {"project_task_type": "object-detection", "model_type": "yolov8n"},
    }
    return written(folder, {**files, **more})


def test_every_format_has_a_name() -> None:
    assert len(list(registry())) >= 7
    assert len({one.name for one in registry()}) == len(list(registry()))


def test_an_ultralytics_export(tmp_path: Path) -> None:
    proposal = propose(graphs.detector(tmp_path / "best.onnx", graphs.ROWS, **ULTRALYTICS), Wanted())
    assert (proposal.manifest.id, proposal.manifest.family, proposal.unsure) == ("best", "yolov8", ())
    runs(proposal, tmp_path)


def test_labels_beside_a_graph_that_has_none(tmp_path: Path) -> None:
    graph = graphs.classifier(tmp_path / "net.onnx", [0, 1, 2])
    (tmp_path / "classes.txt").write_text("a\nb\n\nc\n")
    proposal = propose(graph, Wanted("mine"))
    assert proposal.manifest.labels == ("a", "b", "c")
    assert any("taken from classes.txt" in doubt for doubt in proposal.unsure)
    assert propose(graph, Wanted("mine", labels=("1", "2", "3"))).manifest.labels == ("1", "2", "3")


def test_a_folder_with_one_graph(tmp_path: Path) -> None:
    graphs.detector(tmp_path / "export" / "net.onnx", graphs.ROWS, **ULTRALYTICS)
    assert propose(tmp_path / "export", Wanted("m")).manifest.id == "m"


def test_a_vision_transformer_of_hugging_face(tmp_path: Path) -> None:
    proposal = propose(hugging_face(tmp_path / "vit", VIT), Wanted())
    shape = proposal.manifest.input
    assert proposal.manifest.labels == ("a", "b", "c")
    assert (proposal.manifest.id, shape.resize, shape.mean) == ("vit", "stretch", (0.5, 0.5, 0.5))
    assert shape.interpolation == "antialias-linear"
    assert doubts(proposal) == ["activation"]
    runs(proposal, tmp_path)


def test_a_center_crop_of_hugging_face(tmp_path: Path) -> None:
    proposal = propose(hugging_face(tmp_path / "net", CONVNEXT, problem_type="multi_label_classification"), Wanted())
    shape = proposal.manifest.input
    assert (shape.resize, shape.crop_fraction, shape.crop_offset) == ("center-crop", 0.8, "floor")
    assert (shape.interpolation, proposal.manifest.multi_label) == ("antialias-cubic", True)
    runs(proposal, tmp_path)


def test_hugging_face_without_a_processor_is_a_guess(tmp_path: Path) -> None:
    assert "input" in doubts(propose(hugging_face(tmp_path / "net", None), Wanted()))


def test_timm(tmp_path: Path) -> None:
    graphs.classifier(tmp_path / "net" / "model.onnx", [0, 1, 2])
    pretrained = {"input_size": [3, 64, 64], "crop_pct": 0.95, "interpolation": "bicubic", "mean": [0.1, 0.2, 0.3]}
    config = {"architecture": "resnet34", "label_names": ["a", "b", "c"], "pretrained_cfg": pretrained}
    proposal = propose(written(tmp_path / "net", {"config.json": config}), Wanted())
    shape = proposal.manifest.input
    assert (shape.crop_fraction, shape.interpolation, shape.mean) == (0.95, "antialias-cubic", (0.1, 0.2, 0.3))
    assert proposal.manifest.labels == ("a", "b", "c")


def test_roboflows_cache(tmp_path: Path) -> None:
    proposal = propose(roboflow(tmp_path / "things" / "3"), Wanted())
    manifest = proposal.manifest
    assert (manifest.id, manifest.family, manifest.labels) == ("things/3", "yolov8", ("x", "y", "z"))
    assert (manifest.input.resize, manifest.input.pad) == ("letterbox", 0)
    assert doubts(proposal) == []
    runs(proposal, tmp_path)


def test_what_roboflow_preprocesses_and_we_do_not(tmp_path: Path) -> None:
    steps = {"grayscale": {"enabled": True}, "contrast": {"enabled": False}, "resize": {"format": "Fill in"}}
    proposal = propose(roboflow(tmp_path / "a" / "1", **{"environment.json": {"PREPROCESSING": steps}}), Wanted())
    assert [doubt for doubt in proposal.unsure if "grayscale" in doubt]
    assert [doubt for doubt in proposal.unsure if "Fill in" in doubt]
    assert not [doubt for doubt in proposal.unsure if "contrast" in doubt]


def test_a_classifier_of_roboflow(tmp_path: Path) -> None:
    folder = tmp_path / "kinds" / "1"
    graphs.classifier(folder / "best.onnx", [0, 1, 2])
    kind = {"project_task_type": "classification", "model_type": "vit"}
    environment = {"PREPROCESSING": {}, "CLASS_MAP": {"2": "c", "10": "k", "0": "a"}, "MULTICLASS": "true"}
    proposal = propose(written(folder, {"environment.json": environment, "model_type.json": kind}), Wanted())
    manifest = proposal.manifest
    assert (manifest.task, manifest.labels, manifest.multi_label) == ("classification", ("a", "c", "k"), True)
    assert (manifest.input.mean, manifest.input.resize) == ((0.5, 0.5, 0.5), "stretch")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "no model that we know"),
        ({"environment.json": {}}, "holds none of"),
        ({"model.json": "[]"}, "no model manifest"),
        ({"environment.json": "{", "weights.onnx": "x"}, "environment.json cannot be read"),
        ({"config.json": "[]", "model.onnx": "x"}, "no JSON object"),
    ],
)
def test_what_is_broken_is_said(tmp_path: Path, files: dict[str, Any], words: str) -> None:
    (tmp_path / "x").mkdir()
    with pytest.raises(ModelLoadFailed, match=words):
        propose(written(tmp_path / "x", files), Wanted("m"))


def test_a_model_that_does_not_run_is_not_stored(tmp_path: Path) -> None:
    proposal = propose(graphs.detector(tmp_path / "best.onnx", graphs.ROWS, **ULTRALYTICS), Wanted())
    broken = proposal.manifest.model_copy(update={"files": {"weights.onnx": "0" * 64}})
    with pytest.raises(ModelLoadFailed, match="sha256"):
        install(tmp_path / "aside", tmp_path / "models", Proposal(broken, proposal.files, ""))
    assert not (tmp_path / "models").exists()
