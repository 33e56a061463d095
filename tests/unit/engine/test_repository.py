from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from shared.errors import InvalidModelId, ModelLoadFailed, ModelNotFound
from tests.unit.engine import graphs
from worker_service.engine.manifest import Manifest, check_model_id
from worker_service.engine.repository import MANIFEST_BYTES, Repository


def ids(repository: Repository) -> list[str]:
    return [package.manifest.id for package in repository.packages()]


@pytest.mark.parametrize("model_id", ["a", "yolov8n-640", "my.project/3", "A_b/c-d.e"])
def test_valid_ids(model_id: str) -> None:
    assert check_model_id(model_id) == model_id


@pytest.mark.parametrize(
    "model_id",
    ["", "..", "../etc", "a/../b", "a..b", "/a", "a/", "a/b/c", ".a", "-a", "a b", "a\n", "\u00e4", "a" * 201, "a\\b"],
)
def test_invalid_ids(model_id: str) -> None:
    with pytest.raises(InvalidModelId):
        check_model_id(model_id)


def test_finds_ids_and_aliases(models: Path) -> None:
    repository = Repository([models, models / "missing"])
    assert ids(repository) == ["cls", "det"]
    assert repository.find("finder/1").manifest.id == "det"
    with pytest.raises(ModelNotFound):
        repository.find("nobody")
    with pytest.raises(InvalidModelId):
        repository.find("../det")


def test_two_level_ids(tmp_path: Path) -> None:
    graphs.classifier(tmp_path / "project" / "3" / "weights.onnx", [0, 1, 2])
    graphs.package(tmp_path / "project" / "3", id="project/3", task="classification", family="classification")
    assert Repository([tmp_path]).find("project/3").manifest.id == "project/3"


def test_sees_added_changed_and_removed_models(models: Path) -> None:
    repository = Repository([models], scan_seconds=0)
    before = repository.find("det").manifest
    graphs.package(models / "det", task="object-detection", family="yolov8", description="new")
    assert repository.find("det").manifest.description == "new"
    assert repository.find("det").manifest.digest != before.digest
    (models / "det" / "model.json").unlink()
    assert ids(repository) == ["cls"]


def test_a_manifest_without_end_is_not_read(models: Path) -> None:
    with (models / "det" / "model.json").open("ab") as file:
        file.write(b" " * MANIFEST_BYTES)
    repository = Repository([models])
    assert ids(repository) == ["cls"]
    with pytest.raises(ModelLoadFailed, match=str(MANIFEST_BYTES)):
        repository.find("det")


def test_a_listing_is_trusted_for_a_while(models: Path) -> None:
    repository = Repository([models], scan_seconds=1000)
    assert ids(repository) == ["cls", "det"]
    (models / "det" / "model.json").unlink()
    assert ids(repository) == ["cls", "det"]
    repository.rescan()
    assert ids(repository) == ["cls"]


def test_unchanged_manifests_are_not_parsed_again(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = Repository([models], scan_seconds=0)
    first = repository.find("det")
    monkeypatch.setattr(json, "loads", lambda _: pytest.fail("parsed again"))
    assert repository.find("det") is first
    os.utime(models / "det" / "model.json", ns=(1, 1))
    with pytest.raises(pytest.fail.Exception):
        repository.find("det")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"id": "bad"}', "[" * 100_000, "\xff"])
def test_a_broken_manifest_harms_no_other_model(models: Path, text: str) -> None:
    (models / "bad").mkdir()
    (models / "bad" / "model.json").write_text(text, encoding="latin-1")
    repository = Repository([models])
    assert ids(repository) == ["cls", "det"]
    with pytest.raises(ModelLoadFailed, match="bad"):
        repository.find("bad")


def test_the_folder_must_agree_with_the_id(models: Path) -> None:
    graphs.package(models / "det", id="other", task="object-detection")
    with pytest.raises(ModelLoadFailed, match="other"):
        Repository([models]).find("det")


def test_the_earlier_folder_wins(models: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    second = tmp_path_factory.mktemp("second")
    graphs.classifier(second / "det" / "weights.onnx", [0, 1, 2])
    graphs.package(second / "det", task="classification")
    assert Repository([models, second]).find("det").manifest.task == "object-detection"
    assert Repository([second, models]).find("det").manifest.task == "classification"


def test_unknown_fields_survive(models: Path) -> None:
    graphs.package(models / "det", task="object-detection", colour="blue")
    manifest = Repository([models]).find("det").manifest
    assert manifest.model_dump()["colour"] == "blue"


@pytest.mark.parametrize("name", ["../x.onnx", "/x.onnx", "a\\b.onnx", ""])
def test_file_names_stay_inside(name: str) -> None:
    with pytest.raises(ValueError, match="file name"):
        Manifest.model_validate({"id": "m", "task": "t", "input": {"width": 1, "height": 1}, "files": {name: "0" * 64}})
