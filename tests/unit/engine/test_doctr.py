"""docTR's steps between its nets, and what is refused."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from shared.errors import ModelLoadFailed
from tests.parity.foundation import FOLDER
from worker_service.engine.engine import Engine
from worker_service.engine.families.doctr import inside
from worker_service.engine.format import Wanted, propose
from worker_service.engine.manifest import InputSpec
from worker_service.engine.vision import wide_words
from worker_service.engine.vision.words import Rules, lines_of, words_in
from worker_service.settings import EngineSettings


def test_a_word_is_grown_by_its_size() -> None:
    chances = np.zeros((100, 200), np.float32)
    chances[40:50, 60:120] = 0.9
    chances[5:7, 5:7] = 1  # opened away
    chances[80:90, 20:60] = 0.35
    boxes, scores = words_in(chances, Rules())
    by = 60 * 10 * 1.5 / 140
    wanted = [round(60 - by) / 200, round(40 - by) / 100, (round(120 + by) + 1) / 200, (round(50 + by) + 1) / 100]
    assert boxes[1] == pytest.approx(wanted)
    assert (len(boxes), scores[1]) == (2, pytest.approx(0.9 * 600 / (61 * 11)))
    assert len(words_in(chances, Rules(box_score=0.5))[0]) == 1
    assert len(words_in(chances, Rules(most=1))[0]) == 1
    assert words_in(np.zeros((9, 9), np.float32), Rules())[0].shape == (0, 4)


def test_lines_from_top_to_bottom() -> None:
    words = np.array(
        [
            [0.5, 0.52, 0.6, 0.56],
            [0.1, 0.1, 0.2, 0.14],
            [0.22, 0.11, 0.3, 0.15],
            [0.1, 0.5, 0.2, 0.54],
            [0.8, 0.1, 0.9, 0.14],
        ]
    )
    assert lines_of(words, 1.0) == [[1, 2], [4], [3], [0]]
    assert lines_of(words[:0], 1.0) == []


def test_wide_words_are_cut_and_put_together() -> None:
    pieces, last = wide_words.cut(np.zeros((10, 125, 3), np.uint8))
    assert [piece.shape[1] for piece in pieces] == [60, 60, 60, 60]
    assert last == pytest.approx(55 / 60)
    assert wide_words.cut(np.zeros((10, 80, 3), np.uint8))[1] == 0.0
    assert len(wide_words.cut(np.zeros((1, 4000, 3), np.uint8))[0]) == 1, "squeezed"
    assert wide_words.joined(["abcdi", "cdefgh"], 0.5) == "abcdefgh"
    assert wide_words.joined(["abc", "bcdef", "difghi", "aijkl"], 0.1) == "abcdefghiaijkl"
    assert wide_words.joined(["one"], 0.0) == "one"
    assert wide_words.joined(["ab", ""], 0.5) == "ab"


def test_pages_lie_in_the_middle_of_black() -> None:
    spec = InputSpec(width=64, height=64, resize="stretch")
    page = inside(np.full((10, 31, 3), 255, np.uint8), spec, middle=True)
    rows = np.flatnonzero(page[:, 0, 0])
    assert (rows[0], rows[-1], page.shape) == (22, 41, (64, 64, 3))
    word = inside(np.full((40, 20, 3), 255, np.uint8), InputSpec(width=128, height=32), middle=False)
    assert np.flatnonzero(word[0, :, 0]).tolist() == list(range(16))


def test_a_folder_of_its_graphs_is_recognised(tmp_path: Path) -> None:
    for name in ("detection.onnx", "recognition.onnx"):
        shutil.copy(FOLDER / "doctr" / name, tmp_path / name)
    known = propose(tmp_path, Wanted("doctr/default")).manifest
    assert (known.family, known.task, known.thresholds.confidence) == ("doctr", "ocr", 0.0)
    assert (known.input.width, known.input.mean[0]) == (512, 0.798)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"text": {"decoder": "guess"}}, "decoder"),
        ({"files": {}}, "recognition.onnx"),
        ({"vocab": "abc"}, "127 classes"),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    shutil.copytree(FOLDER / "doctr", tmp_path / "doctr")
    manifest = json.loads((tmp_path / "doctr" / "model.json").read_bytes())
    if "files" in change:
        change = {"files": {"detection.onnx": manifest["files"]["detection.onnx"]}}
    if "vocab" in change:
        text = change.pop("vocab")
        (tmp_path / "doctr" / "vocab.txt").write_text(text)
        change = {"files": {**manifest["files"], "vocab.txt": hashlib.sha256(text.encode()).hexdigest()}}
    (tmp_path / "doctr" / "model.json").write_text(json.dumps({**manifest, **change}))
    with pytest.raises(ModelLoadFailed, match=said):
        Engine(EngineSettings(model_dirs=(tmp_path,), intra_op_threads=1)).get("doctr")


def test_confidence_and_picture(tmp_path: Path) -> None:
    engine = Engine(EngineSettings(model_dirs=(FOLDER,), intra_op_threads=1, warm_up=False))
    page = cv2.imencode(".png", np.full((120, 400, 3), 255, np.uint8))[1].tobytes()
    (found,) = engine.infer("doctr", [page], {"confidence": 1.0, "visualize": True})
    assert (found.text, bool(found.visualization)) == ("", True)  # type: ignore[union-attr]
