"""What Moondream2 is asked, and folders of it that lack something."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shared.errors import InvalidRequest, ModelLoadFailed, VisionfleetError
from tests.parity.foundation import FOLDER
from worker_service.engine.engine import Engine
from worker_service.engine.families.moondream2 import task_of
from worker_service.engine.format import Wanted, propose
from worker_service.engine.generation.regions import GRAPHS
from worker_service.settings import EngineSettings

BLANK = np.zeros((40, 60, 3), np.uint8)


@pytest.mark.parametrize(
    ("prompt", "task"),
    [
        ("", ("caption", "normal")),
        ("<CAPTION>", ("caption", "normal")),
        ("Caption: Short", ("caption", "short")),
        ("detect: a boat: red", ("detect", "a boat: red")),
        ("POINT:dog", ("point", "dog")),
        ("query: detect: what?", ("query", "detect: what?")),
        ("detect:", ("query", "detect:")),
        ("Point out what is odd.", ("query", "Point out what is odd.")),
        ("time: 12:30?", ("query", "time: 12:30?")),
    ],
)
def test_the_task_is_read_off_the_prompt(prompt: str, task: tuple[str, str]) -> None:
    assert task_of(prompt) == task


def folder_of(tmp_path: Path, *without: str) -> Engine:
    """The small net, but for some of its files."""
    shutil.copytree(FOLDER / "moondream2", tmp_path / "m", ignore=lambda *_: [*without, "answers.npz"])
    manifest: dict[str, Any] = json.loads((tmp_path / "m" / "model.json").read_text())
    manifest["id"] = "m"
    manifest["files"] = {name: digest for name, digest in manifest["files"].items() if name not in without}
    (tmp_path / "m" / "model.json").write_text(json.dumps(manifest))
    return Engine(EngineSettings(model_dirs=(tmp_path,), intra_op_threads=1, warm_up=False))


def test_without_the_nets_of_places_it_writes_only(tmp_path: Path) -> None:
    engine = folder_of(tmp_path, *GRAPHS)
    wrong, right = (engine.infer("m", [BLANK], {"prompt": each, "max_new_tokens": 3})[0] for each in ("detect: x", ""))
    assert isinstance(wrong, InvalidRequest)
    assert "does not detect" in wrong.message
    assert not isinstance(right, VisionfleetError)
    (tmp_path / "m" / "model.json").unlink()
    assert propose(tmp_path / "m", Wanted("m")).manifest.family == "moondream2"


def test_without_its_own_file_it_is_not_loaded(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadFailed, match=r"moondream\.json"):
        folder_of(tmp_path, "moondream.json").get("m")


def test_a_file_of_another_shape_is_told_by_its_field(tmp_path: Path) -> None:
    engine = folder_of(tmp_path)
    (tmp_path / "m" / "moondream.json").write_text(json.dumps({"bos_id": 0, "templates": {"query": {"prefix": [1]}}}))
    with pytest.raises(ModelLoadFailed):
        engine.get("m")
