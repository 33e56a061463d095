"""The benchmark networks load, cost what they should, and answer like trained ones in number of boxes."""

import hashlib
import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from bench.networks.repository import Written, pictures, write_all


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Written]:
    return {written.folder.name: written for written in write_all(tmp_path_factory.mktemp("repository"))}


def load(folder: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(folder / "weights.onnx", providers=["CPUExecutionProvider"])


def test_detector_costs_what_yolov8n_costs(networks: dict[str, Written]) -> None:
    assert networks["bench-detector"].gflops == pytest.approx(8.7, rel=0.05)
    assert networks["bench-detector"].parameters == pytest.approx(3.2e6, rel=0.05)


def test_classifier_is_small(networks: dict[str, Written]) -> None:
    assert 0.2 <= networks["bench-classifier"].gflops <= 0.5


@pytest.mark.parametrize("batch", [1, 3])
def test_shapes_follow_the_batch(networks: dict[str, Written], batch: int) -> None:
    boxes = load(networks["bench-detector"].folder).run(None, {"images": pictures(batch, 640)})[0]
    assert boxes.shape == (batch, 84, 8400)
    chances = load(networks["bench-classifier"].folder).run(None, {"images": pictures(batch, 224)})[0]
    assert chances.shape == (batch, 100)
    assert np.allclose(chances.sum(axis=1), 1, atol=1e-5)


def test_pictures_have_a_handful_of_boxes(networks: dict[str, Written]) -> None:
    session = load(networks["bench-detector"].folder)
    output = session.run(None, {"images": pictures(8, 640, first=100)})[0]
    hits = (output[:, 4:].max(axis=1) > 0.4).sum(axis=1)
    assert hits.max() <= 300, hits
    assert hits.sum() >= 8, hits
    assert np.all(output[:, 2:4] >= 0)
    assert output[:, 2:4].max() <= 2 * 15 * 32


def test_a_picture_answers_the_same_alone_and_in_a_batch(networks: dict[str, Written]) -> None:
    session, images = load(networks["bench-detector"].folder), pictures(2, 640, first=50)
    together = session.run(None, {"images": images})[0]
    alone = session.run(None, {"images": images[1:]})[0]
    assert np.allclose(together[1, 4:], alone[0, 4:], atol=1e-3)


def test_pictures_get_different_answers(networks: dict[str, Written]) -> None:
    """A random network that was not normalised says the same of everything."""
    chances = load(networks["bench-classifier"].folder).run(None, {"images": pictures(12, 224, first=200)})[0]
    assert len(set(chances.argmax(axis=1))) >= 3


@pytest.mark.parametrize("model", ["bench-detector", "bench-classifier"])
def test_manifest_describes_the_graph(networks: dict[str, Written], model: str) -> None:
    folder = networks[model].folder
    manifest = json.loads((folder / "model.json").read_text())
    session = load(folder)
    assert manifest["id"] == model
    assert manifest["files"]["weights.onnx"] == hashlib.sha256((folder / "weights.onnx").read_bytes()).hexdigest()
    assert session.get_inputs()[0].shape == ["batch", 3, manifest["input"]["height"], manifest["input"]["width"]]
    names = session.get_modelmeta().custom_metadata_map["names"]
    assert names == str(dict(enumerate(manifest["labels"])))
