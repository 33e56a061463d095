"""The folder of models: added whole or not at all, never outside of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from visionfleet import store
from visionfleet.errors import InvalidModelId, InvalidRequest, ModelLoadFailed, ModelNotFound


def fine(_folder: Path, _model_id: str) -> None:
    pass


@pytest.fixture
def weights(tmp_path: Path) -> dict[str, Path]:
    file = tmp_path / "w.onnx"
    file.write_bytes(b"weights")
    return {"weights.onnx": file}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "data" / "models"


def manifest(model_id: str, **more: Any) -> dict[str, Any]:
    return {"id": model_id, "files": {"weights.onnx": "0" * 64}, **more}


def everything(home: Path) -> set[str]:
    return {path.relative_to(home).as_posix() for path in home.rglob("*")}


@pytest.mark.parametrize("model_id", ["a", "project/7"])
def test_add_list_remove(home: Path, weights: dict[str, Path], model_id: str) -> None:
    tried: list[Path] = []

    def try_out(folder: Path, name: str) -> None:
        tried.append(folder)
        assert (folder / name / "weights.onnx").read_bytes() == b"weights"
        assert not (home / name).exists()

    path = store.add(home, manifest(model_id), weights, try_out, replace=False)
    assert path == home / model_id
    assert [model.id for model in store.listing(home)] == [model_id]
    assert json.loads((path / "model.json").read_text()) == manifest(model_id)
    # A repository looks one and two levels deep for model.json; what is tried out lies deeper.
    assert len(tried[0].relative_to(home).parts) == 2
    store.remove(home, model_id)
    assert everything(home) == set()


def test_a_model_that_does_not_work_leaves_nothing(home: Path, weights: dict[str, Path]) -> None:
    def broken(_folder: Path, _model_id: str) -> None:
        raise ModelLoadFailed("It does not run.")

    with pytest.raises(ModelLoadFailed):
        store.add(home, manifest("a"), weights, broken, replace=False)
    assert everything(home) == set()
    store.add(home, manifest("a", note="first"), weights, fine, replace=False)
    with pytest.raises(ModelLoadFailed):
        store.add(home, manifest("a", note="second"), weights, broken, replace=True)
    assert store.read_manifest(home / "a")["note"] == "first"


def test_existing_model_needs_force(home: Path, weights: dict[str, Path]) -> None:
    store.add(home, manifest("a", note="first"), weights, fine, replace=False)
    (home / "a" / "stale.bin").write_bytes(b"")
    with pytest.raises(InvalidRequest, match="--force"):
        store.add(home, manifest("a"), weights, fine, replace=False)
    store.add(home, manifest("a", note="second"), weights, fine, replace=True)
    assert everything(home) == {"a", "a/model.json", "a/weights.onnx"}
    assert store.read_manifest(home / "a")["note"] == "second"


@pytest.mark.parametrize("model_id", ["..", "../x", "/etc", "a/b/c", "a/../b", "", ".hidden", "a b", "a\n", "a/", "-a"])
def test_bad_ids(home: Path, weights: dict[str, Path], model_id: str) -> None:
    with pytest.raises(InvalidModelId):
        store.add(home, manifest(model_id), weights, fine, replace=True)
    with pytest.raises(InvalidModelId):
        store.remove(home, model_id)
    assert not home.exists()


def test_a_project_with_versions_is_not_removed_with_them(home: Path, weights: dict[str, Path]) -> None:
    store.add(home, manifest("a"), weights, fine, replace=False)
    store.add(home, manifest("a/1"), weights, fine, replace=False)
    with pytest.raises(InvalidRequest, match="project of 1"):
        store.remove(home, "a")
    with pytest.raises(InvalidRequest, match="project of 1"):
        store.add(home, manifest("a"), weights, fine, replace=True)
    store.remove(home, "a/1")
    assert (home / "a" / "weights.onnx").exists()


def test_a_folder_that_is_no_model_is_left_alone(home: Path, weights: dict[str, Path]) -> None:
    (home / "a").mkdir(parents=True)
    (home / "a" / "precious.txt").write_text("x")
    with pytest.raises(InvalidRequest, match="is no model"):
        store.add(home, manifest("a"), weights, fine, replace=True)
    with pytest.raises(ModelNotFound):
        store.remove(home, "a")
    assert (home / "a" / "precious.txt").exists()


def test_files_of_a_folder_stay_in_it(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "secret").write_text("x")
    for name in ("../secret", "/etc/passwd", "missing.onnx"):
        with pytest.raises(ModelLoadFailed, match="not in its folder"):
            store.files_of(tmp_path / "m", {"files": {name: "0"}})


@pytest.mark.parametrize("text", ["", "[]", "{}", "{", '{"files": []}'])
def test_broken_manifests(tmp_path: Path, text: str) -> None:
    (tmp_path / "model.json").write_text(text)
    with pytest.raises(ModelLoadFailed):
        store.read_manifest(tmp_path)
