"""Finding and reading text: a toy whose answers are known, and the steps between its two nets."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from shared.errors import InferenceFailed, ModelLoadFailed
from tests.unit.engine import ocr_graphs
from worker_service.engine import ctc
from worker_service.engine.engine import Engine
from worker_service.engine.families.pp_ocr import detector_size
from worker_service.engine.format import Wanted, propose
from worker_service.engine.manifest import InputSpec
from worker_service.engine.text_results import ReadText
from worker_service.engine.vision.text_boxes import Rules, boxes_in, cut_out
from worker_service.settings import EngineSettings


def engine_of(folder: Path) -> Engine:
    return Engine(EngineSettings(model_dirs=(folder,), intra_op_threads=1))


def read(engine: Engine, image: Path, **params: Any) -> ReadText:
    (found,) = engine.infer("toy", [image.read_bytes()], params)
    assert isinstance(found, ReadText), found
    return found


def test_words_are_found_and_read_in_order(tmp_path: Path) -> None:
    ocr_graphs.write(tmp_path / "models" / "toy")
    engine, image = engine_of(tmp_path / "models"), ocr_graphs.picture(tmp_path / "words.png")
    found = read(engine, image)
    assert found.text == "a b\nc"
    assert found.boxes is not None
    for row, (left, top, _) in zip(found.boxes.rows(), ocr_graphs.WORDS, strict=True):
        # the toy's map is exact, so that growing makes its boxes larger than the words
        assert (row["x"], row["y"]) == pytest.approx((left + 24, top + 12), abs=2)
        assert row["width"] == pytest.approx(48 + 1.6 * 16, abs=4)
        assert row["confidence"] > 0.6
    assert read(engine, image, confidence=1.0).text == ""
    assert read(engine, image, visualize=True).visualization


def test_one_stage_alone(tmp_path: Path) -> None:
    image = ocr_graphs.picture(tmp_path / "words.png")
    for part in ("det.onnx", "rec.onnx"):
        folder = ocr_graphs.write(tmp_path / part / "toy")
        manifest = json.loads((folder / "model.json").read_bytes())
        manifest["files"] = {part: manifest["files"][part]}
        (folder / "model.json").write_text(json.dumps(manifest))
    boxes = read(engine_of(tmp_path / "det.onnx"), image)
    assert (boxes.text.strip(), len(boxes.boxes.boxes)) == ("", 3)  # type: ignore[union-attr]
    line = tmp_path / "line.png"
    cv2.imwrite(str(line), np.full((20, 200, 3), ocr_graphs.RED, np.uint8))
    text = read(engine_of(tmp_path / "rec.onnx"), line)
    assert (text.text, text.boxes) == ("c", None)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"files": {"dict.txt": hashlib.sha256(b"a\nb\n").hexdigest()}}, "det.onnx"),
        ({"text": {"threshold": 7}}, "threshold"),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    folder = ocr_graphs.write(tmp_path / "toy")
    manifest = json.loads((folder / "model.json").read_bytes())
    (folder / "dict.txt").write_text("a\nb\n")
    (folder / "model.json").write_text(json.dumps({**manifest, **change}))
    with pytest.raises(ModelLoadFailed, match=said):
        engine_of(tmp_path).get("toy")


def test_an_alphabet_of_the_wrong_length_is_refused(tmp_path: Path) -> None:
    folder = ocr_graphs.write(tmp_path / "RapidOCR")
    (folder / "model.json").unlink()
    (folder / "toy_det_small.onnx").write_bytes((folder / "det.onnx").read_bytes())
    (folder / "det.onnx").unlink()
    known = propose(folder, Wanted("toy")).manifest
    assert (known.family, known.task, set(known.files)) == ("pp-ocr", "ocr", {"det.onnx", "rec.onnx"})
    (folder / "other_rec.onnx").write_bytes((folder / "rec.onnx").read_bytes())
    with pytest.raises(ModelLoadFailed, match="several"):
        propose(folder, Wanted("toy"))
    package = ocr_graphs.write(tmp_path / "models" / "toy")
    (package / "dict.txt").write_text("a\nb\n")
    manifest = json.loads((package / "model.json").read_bytes())
    manifest["files"]["dict.txt"] = hashlib.sha256(b"a\n").hexdigest()
    (package / "dict.txt").write_text("a\n")
    (package / "model.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelLoadFailed, match="5 classes; its alphabet makes 3"):
        engine_of(tmp_path / "models").get("toy")


def test_sizes_for_the_detector() -> None:
    spec = InputSpec(width=736, height=736)
    assert detector_size(900, 420, spec) == (1568, 736)
    assert detector_size(2000, 1000, spec) == (1984, 992)
    assert detector_size(1, 1, spec) == (736, 736)
    for width, height in ((10_000, 10), (3, 9000), (8000, 8000)):
        found = detector_size(width, height, spec)
        assert max(found) <= 4000
        assert all(side % 32 == 0 and side >= 32 for side in found)


def test_a_turned_word_is_cut_out_upright() -> None:
    chances = np.zeros((200, 300), np.float32)
    word = cv2.boxPoints(((150, 100), (120, 30), 20)).astype(np.int32)
    cv2.fillPoly(chances, [word], 1)
    boxes, scores = boxes_in(chances, (600, 400), Rules())
    assert boxes.shape == (1, 4, 2)
    assert scores[0] > 0.9
    piece = cut_out(np.zeros((400, 600, 3), np.uint8), boxes[0])
    growth = 2 * 120 * 30 * 1.6 / (2 * 150)
    assert piece.shape[:2] == pytest.approx((2 * (30 + growth), 2 * (120 + growth)), abs=12)
    upright = cut_out(np.zeros((400, 600, 3), np.uint8), np.array([[0, 0], [20, 0], [20, 90], [0, 90]], np.float32))
    assert upright.shape[:2] == (20, 90), "downwards is turned"


def test_specks_and_faint_regions_are_no_text() -> None:
    chances = np.zeros((100, 100), np.float32)
    chances[10:12, 10:12] = 1  # too small
    chances[40:60, 20:80] = 0.35  # above the threshold, and unsure
    assert boxes_in(chances, (100, 100), Rules())[0].shape == (0, 4, 2)


def test_characters_of_steps() -> None:
    steps = np.zeros((6, 4), np.float32)
    steps[range(6), [1, 1, 0, 1, 2, 0]] = [0.9, 0.8, 1, 0.7, 0.5, 1]
    text, sure = ctc.read(steps, ("", "x", "y", " "))
    assert text == "xxy"
    assert sure == pytest.approx((0.9 + 0.7 + 0.5) / 3)
    assert ctc.read(steps[2:3], ("", "x", "y", " ")) == ("", 0.0)
    with pytest.raises(InferenceFailed):
        ctc.read(steps, ("", "x"))
