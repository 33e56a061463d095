"""The folder of models that belongs to the user: ``<folder>/<id>/{model.json, weights.onnx, ...}``.

A model is put together aside, tried out, and moved into place in one step: a worker that scans the folder meanwhile
sees the old state or the new one.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from visionfleet.errors import InvalidModelId, InvalidRequest, ModelLoadFailed, ModelNotFound

MANIFEST = "model.json"
_SEGMENT = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_MODEL_ID = re.compile(rf"{_SEGMENT}(/{_SEGMENT})?")


@dataclass(frozen=True)
class StoredModel:
    """A model in the folder: its id, where it lies, and what its model.json says (empty when that is broken)."""

    id: str
    path: Path
    manifest: Mapping[str, Any]


def check_id(model_id: str) -> str:
    """The id itself, safe to use as a path. Raises InvalidModelId."""
    if ".." in model_id or not _MODEL_ID.fullmatch(model_id):
        raise InvalidModelId(
            f"{model_id!r} is no model id: it is 'name' or 'project/version' of letters, digits, '.', '_' and '-'."
        )
    return model_id


def listing(folder: Path) -> list[StoredModel]:
    """The models in the folder, by id; none when there is no such folder."""
    found = [path.parent for pattern in ("*", "*/*") for path in folder.glob(f"{pattern}/{MANIFEST}")]
    visible = (path for path in found if _MODEL_ID.fullmatch(path.relative_to(folder).as_posix()))
    models = [StoredModel(path.relative_to(folder).as_posix(), path, _peek(path)) for path in visible]
    return sorted(models, key=lambda model: model.id)


def read_manifest(folder: Path) -> dict[str, Any]:
    """A model folder's model.json. Raises ModelLoadFailed when it is no JSON object with id and files."""
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_bytes())
    except OSError as error:
        raise ModelLoadFailed(f"Cannot read {path}: {error.strerror}.") from error
    except ValueError as error:
        raise ModelLoadFailed(f"{path} is no JSON: {error}.") from error
    if not isinstance(manifest, dict) or not isinstance(manifest.get("files"), dict):
        raise ModelLoadFailed(f"{path} is no model manifest: it lists no files.")
    return manifest


def files_of(folder: Path, manifest: Mapping[str, Any]) -> dict[str, Path]:
    """The files that a manifest lists. Raises ModelLoadFailed when one is missing or lies outside the folder."""
    files = {}
    for name in manifest["files"]:
        inside = PurePosixPath(name)
        if inside.is_absolute() or ".." in inside.parts or not (folder / name).is_file():
            raise ModelLoadFailed(f"{folder / MANIFEST} lists {name!r}, which is not in its folder.")
        files[name] = folder / name
    return files


def add(
    folder: Path,
    manifest: Mapping[str, Any],
    files: Mapping[str, Path],
    try_out: Callable[[Path, str], None],
    *,
    replace: bool,
) -> Path:
    """Store a model and return its folder.

    Args:
        folder: the folder of models; made when missing.
        manifest: contents of model.json.
        files: name in the model's folder -> file to copy.
        try_out: called with a folder that holds only this model, and its id; raises when the model does not work.
        replace: whether a model of the same id may be replaced.

    Raises:
        InvalidModelId: the id is malformed.
        InvalidRequest: there is such a model and ``replace`` is false, or it has versions below it.
    """
    model_id = check_id(str(manifest.get("id", "")))
    target = folder / model_id
    _check_free(target, model_id, replace=replace)
    with _aside(folder) as aside:
        fresh = aside / "new" / model_id
        fresh.mkdir(parents=True)
        for name, source in files.items():
            (fresh / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, fresh / name)
        (fresh / MANIFEST).write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        try_out(aside / "new", model_id)
        target.parent.mkdir(exist_ok=True)
        _swap(fresh, target, aside / "old")
    return target


def remove(folder: Path, model_id: str) -> Path:
    """Delete a model and return where it was. Raises ModelNotFound, InvalidModelId or InvalidRequest."""
    target = folder / check_id(model_id)
    if not (target / MANIFEST).is_file():
        raise ModelNotFound(f"There is no model {model_id!r} in {folder}.", model=model_id)
    _check_free(target, model_id, replace=True)
    with _aside(folder) as aside:
        target.replace(aside / "old")
    if target.parent != folder and not any(target.parent.iterdir()):
        target.parent.rmdir()
    return target


def _check_free(target: Path, model_id: str, *, replace: bool) -> None:
    if (target / MANIFEST).exists() and not replace:
        raise InvalidRequest(f"There is a model {model_id!r} in {target}; --force replaces it, --id names this one.")
    versions = sorted(path.parent.name for path in target.glob(f"*/{MANIFEST}"))
    if versions:
        raise InvalidRequest(f"{model_id!r} is the project of {', '.join(versions)}; remove those first.")
    if target.exists() and not (target / MANIFEST).exists() and any(target.iterdir()):
        raise InvalidRequest(f"{target} exists and is no model; move it away or choose another --id.")


@contextmanager
def _aside(folder: Path) -> Iterator[Path]:
    """A folder on the same disk, one level deeper than any that is scanned for models; removed afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".aside-", dir=folder) as name:
        yield Path(name)


def _swap(fresh: Path, target: Path, old: Path) -> None:
    """Put ``fresh`` in the place of ``target``; the old one comes back when that fails."""
    existed = target.exists()
    if existed:
        target.replace(old)
    try:
        fresh.replace(target)
    except OSError:
        if existed:
            old.replace(target)
        raise


def _peek(folder: Path) -> Mapping[str, Any]:
    try:
        return read_manifest(folder)
    except ModelLoadFailed:
        return {}
