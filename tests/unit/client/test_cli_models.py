"""``visionfleet models add|remove`` on real graphs, with the real engine."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from typer.testing import CliRunner, Result
from visionfleet.cli.app import app

from tests.redis_server import free_port
from tests.unit.client.answers import MODELS
from tests.unit.client.fake_server import Answer, FakeServer
from tests.unit.engine import graphs

ROOT = Path(__file__).resolve().parents[3]
ANCHORS = np.repeat([[32.0], [32.0], [10.0], [20.0], [0.9], [0.1]], 84, axis=1)  # anchors of 64 px: box, two classes


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    return graphs.detector(tmp_path / "two-shapes.onnx", ANCHORS)


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VISIONFLEET_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("VISIONFLEET_URL", f"http://127.0.0.1:{free_port()}")
    return tmp_path / "data" / "models"


def models(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["models", *(str(argument) for argument in arguments)])


def manifest(folder: Path) -> dict[str, object]:
    read: dict[str, object] = json.loads((folder / "model.json").read_text())
    return read


def test_add_says_what_it_found_and_what_it_is_unsure_of(graph: Path, data: Path) -> None:
    result = models("add", graph)
    assert result.exit_code == 0, result.output
    assert "yolov8" in result.stdout
    assert "64 x 64" in result.stdout
    assert "note: labels: the graph names none" in result.stderr
    assert (data / "two-shapes" / "weights.onnx").read_bytes() == graph.read_bytes()
    assert [path.name for path in data.iterdir()] == ["two-shapes"]


def test_options_settle_doubts(graph: Path, data: Path) -> None:
    arguments = ("--id", "mine/1", "--labels", "cat, dog", "--confidence", 0.25, "--licence", "MIT", "--json")
    result = models("add", graph, *arguments)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["id"] == "mine/1"
    assert not any(doubt.startswith("labels:") for doubt in told["unsure"])
    stored = manifest(data / "mine" / "1")
    assert stored["labels"] == ["cat", "dog"]
    assert stored["thresholds"]["confidence"] == 0.25  # type: ignore[index]
    assert stored["licence"] == "MIT"


def test_as_many_labels_as_one_likes(data: Path, tmp_path: Path) -> None:
    rows = np.zeros((4 + 30, 84))
    graph = graphs.detector(tmp_path / "net.onnx", rows)
    labels = [f"a-rather-long-name-{index}" for index in range(30)]
    assert models("add", graph, "--labels", ",".join(labels)).exit_code == 0
    assert manifest(data / "net")["labels"] == labels


def test_labels_from_a_file_and_added_model_answers(graph: Path, data: Path, tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("cat\n\ndog\n")
    assert models("add", graph, "--labels", tmp_path / "labels.txt").exit_code == 0
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((64, 64, 3), np.uint8))
    from visionfleet import Detections, native

    native._engine.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VISIONFLEET_MODEL_DIRS", str(data))
        found = native.get_model("two-shapes").infer(tmp_path / "a.png")
    native._engine.cache_clear()
    assert isinstance(found, Detections)
    assert [box.class_name for box in found] == ["cat"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--labels", "a,b,c"], "2 classes and --labels names 3"),
        (["--labels", "a,a"], "twice"),
        (["--labels", ","], "names no class"),
        (["--size", "big"], "write it as 640x480"),
        (["--id", "../x"], "no model id"),
        (["--family", "nonsense"], "nonsense"),
        (["--resize", "sideways"], "resize"),
        (["--size", "100x100"], "100"),
    ],
)
def test_refusals_leave_nothing(graph: Path, data: Path, arguments: list[str], words: str) -> None:
    result = models("add", graph, *arguments)
    assert result.exit_code == 1, result.output
    assert words in result.stderr
    assert result.stderr.count("\n") == 1
    assert not data.exists() or list(data.iterdir()) == []


def test_existing_needs_force(graph: Path, data: Path) -> None:
    assert models("add", graph).exit_code == 0
    again = models("add", graph, "--labels", "cat,dog")
    assert again.exit_code == 1
    assert "--force" in again.stderr
    assert models("add", graph, "--labels", "cat,dog", "--force").exit_code == 0
    assert manifest(data / "two-shapes")["labels"] == ["cat", "dog"]


def test_add_a_folder(data: Path) -> None:
    result = models("add", ROOT / "models" / "shapes-classifier")
    assert result.exit_code == 0, result.output
    assert manifest(data / "shapes-classifier") == manifest(ROOT / "models" / "shapes-classifier")


def test_add_what_is_not_there_or_no_model(data: Path, tmp_path: Path) -> None:
    assert "no file or folder" in models("add", tmp_path / "none.onnx").stderr
    (tmp_path / "empty").mkdir()
    assert "model.json" in models("add", tmp_path / "empty").stderr
    (tmp_path / "bad.onnx").write_text("no graph")
    assert models("add", tmp_path / "bad.onnx").exit_code == 1
    assert not data.exists()


def test_weights_beside_the_graph_come_along(graph: Path, data: Path, tmp_path: Path) -> None:
    external = tmp_path / "split"
    external.mkdir()
    onnx.save(
        onnx.load(graph), external / "net.onnx", save_as_external_data=True, location="net.data", size_threshold=1000
    )
    result = models("add", external / "net.onnx")
    assert result.exit_code == 0, result.output
    assert {path.name for path in (data / "net").iterdir()} == {"model.json", "net.data", "weights.onnx"}


def test_list_local(graph: Path) -> None:
    assert "no models" in models("list", "--local").stdout
    models("add", graph)
    assert "two-shapes" in models("list", "--local").stdout
    assert json.loads(models("list", "--local", "--json").stdout)[0]["family"] == "yolov8"


def test_remove_asks_and_tells_the_server(graph: Path, data: Path, server: FakeServer) -> None:
    server.answer("/model/remove", Answer(MODELS))
    models("add", graph)
    refused = CliRunner().invoke(app, ["models", "remove", "two-shapes", "--url", server.url], input="n\n")
    assert refused.exit_code == 1
    assert (data / "two-shapes").exists()
    result = models("remove", "two-shapes", "--yes", "--url", server.url)
    assert result.exit_code == 0, result.output
    assert not (data / "two-shapes").exists()
    assert server.to("/model/remove")[0].json == {"model_id": "two-shapes"}


def test_remove_without_a_server(graph: Path) -> None:
    models("add", graph)
    result = models("remove", "two-shapes", "--yes")
    assert result.exit_code == 0
    assert "no server was told" in result.stderr


def test_remove_what_is_not_there(data: Path) -> None:
    result = models("remove", "nothing", "--yes")
    assert result.exit_code == 4
    assert "no model 'nothing'" in result.stderr
    assert not data.exists()
