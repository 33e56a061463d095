"""Storing a model in a folder of models in one step: whoever scans it sees the old state or the new one."""

from __future__ import annotations

import shutil
from pathlib import Path

from shared.errors import InvalidRequest
from worker_service.engine.engine import Engine
from worker_service.engine.format import Proposal
from worker_service.engine.manifest import Manifest, check_model_id
from worker_service.settings import EngineSettings

MANIFEST = "model.json"


def is_installed(model_id: str, models: Path) -> bool:
    """Whether the folder of models has it. Raises InvalidModelId."""
    return (models / check_model_id(model_id) / MANIFEST).is_file()


def install(aside: Path, models: Path, proposal: Proposal) -> Manifest:
    """Put the model together aside, run it on a blank image, and move it into place; a model there already stays.

    Args:
        aside: an empty folder on the disk of ``models``.
        models: the folder of models.
        proposal: what to store.

    Raises:
        ModelLoadFailed: it does not run; nothing is stored.
    """
    manifest = proposal.manifest
    fresh = aside / manifest.id
    fresh.mkdir(parents=True)
    for name, source in proposal.files.items():
        (fresh / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, fresh / name)
    text = manifest.model_dump_json(indent=2, exclude_none=True)
    (fresh / MANIFEST).write_text(text + "\n", encoding="utf-8")
    settings = EngineSettings(model_dirs=(aside,), preload_models=(), pinned_models=())
    Engine(settings).get(manifest.id)
    target = models / manifest.id
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        fresh.replace(target)
    except OSError as error:
        if not (target / MANIFEST).is_file():
            raise InvalidRequest(f"{manifest.id!r} cannot be stored: {error.strerror}.") from error
    return manifest
