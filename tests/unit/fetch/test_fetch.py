"""Models from elsewhere: Roboflow's endpoints (a fake of them), https with sha256, fsspec."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from typer.testing import CliRunner
from visionfleet.cli.app import app

from shared.egress import EgressFailed, EgressRefused
from shared.errors import InvalidModelId, InvalidRequest, ModelLoadFailed, ModelNotFound, NotFound, TooLarge
from shared.fetch.settings import FetchSettings
from tests.roboflow_fake import CONFIG, KEY, FakeRoboflow
from tests.unit.engine import graphs
from worker_service.engine.format import Wanted, propose
from worker_service.fetch import aliases
from worker_service.fetch.bring import from_roboflow, url_proposal
from worker_service.fetch.packages import files_of


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    return graphs.detector(tmp_path / "graph" / "net.onnx", graphs.ROWS)


@pytest.fixture
def roboflow(graph: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeRoboflow]:
    fake = FakeRoboflow(graph, ["x", "y", "z"])
    monkeypatch.setenv("ROBOFLOW_API_KEY", KEY)
    monkeypatch.setenv("VISIONFLEET_ROBOFLOW_API_URL", fake.url)
    monkeypatch.setenv("VISIONFLEET_FETCH_ALLOW_PRIVATE", "true")
    yield fake
    fake.close()


def content_of(path: Path) -> bytes:
    return path.read_bytes()


def stored(models: Path) -> list[str]:
    return sorted(path.relative_to(models).as_posix() for path in models.rglob("*") if path.is_file())


@pytest.mark.parametrize("name", ["coco/3", "yolov8n-640"])
async def test_a_versioned_model_and_its_public_name(roboflow: FakeRoboflow, tmp_path: Path, name: str) -> None:
    models = tmp_path / "models"
    manifest = await from_roboflow(name, FetchSettings(), models)
    assert (manifest.id, manifest.family, manifest.labels) == ("coco/3", "yolov8", ("x", "y", "z"))
    assert (manifest.aliases, manifest.input.resize) == (("yolov8n-640",), "stretch")
    assert stored(models) == ["coco/3/model.json", "coco/3/weights.onnx"], "nothing else is left"
    path, query = roboflow.asked[0]
    assert path == "/ort/coco/3"
    assert query == {"nocache": "true", "device": "visionfleet", "dynamic": "true", "api_key": KEY}


async def test_an_id_of_the_newer_kind(roboflow: FakeRoboflow, tmp_path: Path) -> None:
    manifest = await from_roboflow("things-abc", FetchSettings(), tmp_path / "models")
    assert manifest.id == "things-abc"
    assert roboflow.asked[0] == ("/getWeights", {"model": "things-abc", "api_key": KEY})


@pytest.mark.parametrize("name", ["coco/41", "yolo26n-640", "yolov26n-640", "me/mine"])
async def test_a_model_of_the_newer_endpoint_only(roboflow: FakeRoboflow, tmp_path: Path, name: str) -> None:
    models = tmp_path / "models"
    manifest = await from_roboflow(name, FetchSettings(), models)
    assert manifest.id == aliases.resolve(name)
    assert (manifest.family, manifest.labels) == ("yolov8", ("x", "y", "z"))
    assert (manifest.input.resize, manifest.input.pad, manifest.input.channels) == ("letterbox", 127, "bgr")
    assert manifest.input.scale == pytest.approx(1 / 255)
    assert (manifest.input.mean, manifest.input.std) == ((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    assert (manifest.thresholds.iou, manifest.thresholds.max_detections) == (0.45, 50)
    pages = [query for path, query in roboflow.asked if path == "/models/v1/external/weights"]
    assert pages == [{"modelId": manifest.id}, {"modelId": manifest.id, "startAfter": "p0"}]
    assert stored(models) == [f"{manifest.id}/model.json", f"{manifest.id}/weights.onnx"]


async def test_a_broken_transfer_is_found(roboflow: FakeRoboflow, tmp_path: Path) -> None:
    roboflow.digest = "0" * 32
    with pytest.raises(ModelLoadFailed, match="another digest"):
        await from_roboflow("coco/41", FetchSettings(), tmp_path / "models")


def test_what_a_package_asks_for_and_is_not_done_is_said(graph: Path, tmp_path: Path) -> None:
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "weights.onnx").write_bytes(graph.read_bytes())
    (folder / "class_names.txt").write_text("x\ny\nz\n")
    network = {**CONFIG["network_input"], "resize_mode": "letterbox-reflect-edges", "input_channels": 1}
    network["dataset_version_resize_dimensions"] = {"width": 640, "height": 480}
    config = {
        "image_pre_processing": {"grayscale": {"enabled": True}},
        "network_input": network,
        "class_names_operations": [{"type": "class_name_removal", "class_name": "background"}],
    }
    (folder / "inference_config.json").write_text(json.dumps(config))
    proposal = propose(folder, Wanted())
    assert proposal.manifest.id == "package"
    said = " ".join(proposal.unsure)
    for words in ("grayscale", "own shape", "class_name_removal 'background'", "letterbox-reflect-edges", "1 channels"):
        assert words in said


@pytest.mark.parametrize(
    ("handle", "url"), [("../weights.onnx", "https://a/b"), ("", "https://a/b"), ("weights.onnx", None), ("a/b", "x")]
)
def test_files_that_would_leave_the_folder_are_refused(handle: str, url: str | None) -> None:
    with pytest.raises(ModelLoadFailed, match="cannot be stored"):
        list(files_of({"packageFiles": [{"fileHandle": handle, "downloadUrl": url}]}))


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("coco/999", ModelNotFound, "Neither this server nor Roboflow"),
        ("unknown-thing", ModelNotFound, "Neither"),
        ("torch/1", ModelLoadFailed, "no ONNX weights"),
        ("torch/2", ModelLoadFailed, "no ONNX weights"),
        ("../x", InvalidModelId, "model id"),
    ],
)
async def test_what_cannot_be_had(
    roboflow: FakeRoboflow, tmp_path: Path, name: str, kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words) as caught:
        await from_roboflow(name, FetchSettings(), tmp_path / "models")
    assert KEY not in str(caught.value)
    assert not (tmp_path / "models").exists() or list((tmp_path / "models").iterdir()) == []
    assert roboflow


async def test_another_key(roboflow: FakeRoboflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBOFLOW_API_KEY", "wrong-key")
    with pytest.raises(ModelNotFound, match="does not show") as caught:
        await from_roboflow("coco/3", FetchSettings(), tmp_path)
    assert "wrong-key" not in str(caught.value)
    monkeypatch.delenv("ROBOFLOW_API_KEY")
    with pytest.raises(InvalidRequest, match="set ROBOFLOW_API_KEY"):
        await from_roboflow("coco/3", FetchSettings(), tmp_path)
    assert not FetchSettings().fetches
    assert roboflow


async def test_weights_that_are_none_or_too_large(
    roboflow: FakeRoboflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    roboflow.graph = tmp_path / "broken.onnx"
    roboflow.graph.write_bytes(b"no graph")
    with pytest.raises(ModelLoadFailed):
        await from_roboflow("coco/3", FetchSettings(), tmp_path / "models")
    roboflow.graph.write_bytes(b"x" * 5000)
    monkeypatch.setenv("VISIONFLEET_FETCH_MAX_BYTES", "4000")
    with pytest.raises(TooLarge, match="4000"):
        await from_roboflow("coco/3", FetchSettings(), tmp_path / "models")
    assert stored(tmp_path / "models") == []


async def test_private_addresses_are_refused_unless_allowed(
    roboflow: FakeRoboflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VISIONFLEET_FETCH_ALLOW_PRIVATE")
    with pytest.raises(EgressRefused):
        await from_roboflow("coco/3", FetchSettings(), tmp_path)
    assert roboflow.asked == []


async def test_a_url_with_its_digest(roboflow: FakeRoboflow, graph: Path, tmp_path: Path) -> None:
    url, digest = f"{roboflow.url}/files/weights.onnx", hashlib.sha256(content_of(graph)).hexdigest()
    proposal = await url_proposal(url, FetchSettings(), tmp_path, Wanted("mine"), digest.upper())
    assert (proposal.manifest.id, proposal.manifest.files) == ("mine", {"weights.onnx": digest})
    (tmp_path / "again").mkdir()
    with pytest.raises(ModelLoadFailed, match="not 0000"):
        await url_proposal(url, FetchSettings(), tmp_path / "again", Wanted("mine"), "0" * 64)
    assert list((tmp_path / "again").iterdir()) == []
    with pytest.raises(InvalidRequest, match="64 hexadecimal"):
        await url_proposal(url, FetchSettings(), tmp_path, Wanted("mine"), "abc")
    with pytest.raises(EgressFailed, match="401"):
        await url_proposal(f"{roboflow.url}/none.onnx", FetchSettings(), tmp_path, Wanted("mine"))


async def test_a_store_of_fsspec(graph: Path, tmp_path: Path) -> None:
    with fsspec.open("memory://models/net.onnx", "wb") as file:
        file.write(content_of(graph))
    proposal = await url_proposal("memory://models/net.onnx", FetchSettings(), tmp_path, Wanted())
    assert proposal.manifest.id == "net"
    for url, kind in (("memory://models/none", NotFound), ("file:///etc/passwd", InvalidRequest)):
        with pytest.raises(kind):
            await url_proposal(url, FetchSettings(), tmp_path, Wanted())
    with pytest.raises(InvalidRequest, match="nonsense"):
        await url_proposal("nonsense://x/y", FetchSettings(), tmp_path, Wanted())


def test_public_names() -> None:
    for name, model_id in {
        "yolov8n-640": "coco/3",
        "yolov8x-seg-1280": "coco-dataset-vdnr1/11",
        "yolov10b-640": "coco/22",
        "yolo11x-1280": "coco/34",
        "yolov26l-seg-640": "coco-dataset-vdnr1/31",
        "rfdetr-2xlarge": "coco/48",
        "resnet101": "classifiers/4",
        "mine/1": "mine/1",
    }.items():
        assert aliases.resolve(name) == model_id
    assert aliases.names_of("coco/25") == ("yolo11n-640", "yolov11n-640")


def test_on_the_command_line(roboflow: FakeRoboflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISIONFLEET_DATA_DIR", str(tmp_path / "data"))
    arguments = ["models", "add", "yolov8n-640", "--from-roboflow", "--json"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["id"], told["manifest"]["aliases"]) == ("coco/3", ["yolov8n-640"])
    assert stored(tmp_path / "data" / "models") == ["coco/3/model.json", "coco/3/weights.onnx"]
    url = f"{roboflow.url}/files/weights.onnx"
    assert CliRunner().invoke(app, ["models", "add", url, "--id", "from-url", "--labels", "a,b,c"]).exit_code == 0
    missing = CliRunner().invoke(app, ["models", "add", "coco/999", "--from-roboflow"])
    assert missing.exit_code == 4
    assert "Neither this server nor Roboflow" in missing.stderr
