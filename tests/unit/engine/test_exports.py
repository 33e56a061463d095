"""What `visionfleet models add` makes of real exports, replayed from what their graphs look like (script/exports)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shared.errors import ModelLoadFailed
from tests.exports.record import GOLDEN, KEPT, SAY_NOTHING
from tests.parity.drawing import LABELS
from worker_service.engine import inspect as inspecting
from worker_service.engine.runtime.signature import GraphSignature, TensorSpec

RECORDED: dict[str, Any] = json.loads(GOLDEN.read_text())

OTHERS = {
    "classify-hf-resnet50": ("classification", 3, 64),
    "classify-hf-vit": ("classification", 3, 64),
    "classify-timm-resnet34": ("classification", 3, 64),
    "classify-torchvision-resnet18": ("classification", 3, 64),
    "rfdetr": ("rfdetr", 3, 160),
    "rfdetr-seg": ("rfdetr-seg", 3, 160),
    "yolo-nas": ("yolo-nas", 3, 160),
    "yolo-nas-batch": ("yolo-nas", 3, 160),
    "yolo-nas-flat": ("yolo-nas", 3, 160),
    "yolov5-original": ("yolov5", 3, 160),
    "yolov5-original-seg": ("yolov5-seg", 3, 160),
}
"""Packages beside Ultralytics: family, number of classes and width that must be found."""


def signature_of(recorded: dict[str, Any]) -> GraphSignature:
    tensors = {
        name: tuple(TensorSpec(one["name"], tuple(one["shape"]), one["dtype"]) for one in recorded[name])
        for name in ("inputs", "outputs")
    }
    return GraphSignature(tensors["inputs"], tensors["outputs"], recorded["metadata"])


@pytest.mark.parametrize("name", RECORDED)
def test_an_export_is_recognised(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = RECORDED[name]
    graph = tmp_path / f"{name}.onnx"
    graph.write_bytes(b"its place")
    monkeypatch.setattr(inspecting, "read_signature", lambda _: signature_of(recorded))
    monkeypatch.setattr(inspecting, "check_operators", lambda *_: None)
    monkeypatch.setattr(inspecting, "check_locations", lambda _: None)
    if name in SAY_NOTHING:
        with pytest.raises(ModelLoadFailed, match="'labels' decides"):
            inspecting.inspect(graph)
    judged = inspecting.inspect(graph, labels=LABELS if name in SAY_NOTHING else ())
    said = judged.manifest.model_dump(mode="json", exclude_none=True)
    assert {field: said[field] for field in KEPT if said.get(field) not in (None, [], ())} == recorded["manifest"]
    assert list(judged.unsure) == recorded["unsure"]


def test_labels_and_sizes_are_those_of_the_exports() -> None:
    for name, recorded in RECORDED.items():
        manifest = recorded["manifest"]
        if name in OTHERS:
            assert (manifest["family"], len(manifest["labels"]), manifest["input"]["width"]) == OTHERS[name]
            continue
        assert manifest["labels"][:1] == (["person"] if name.endswith("-pose") else ["circle"])
        assert (manifest["input"]["width"], manifest["input"]["height"]) == (320, 320)
    families = {name: recorded["manifest"]["family"] for name, recorded in RECORDED.items()}
    assert (families["yolov8n"], families["yolov8n-seg"]) == ("yolov8", "yolov8-seg")
    assert (families["yolov8n-pose"], families["yolov8n-cls"]) == ("yolov8-pose", "classification")
