"""Detectors that are told what to find: where texts become vectors, and what cannot be asked."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shared.errors import InvalidRequest, ModelLoadFailed
from tests.parity import foundation, pictures
from tests.unit.engine import examples
from worker_service.engine.engine import Engine
from worker_service.engine.families.grounding_dino import phrases
from worker_service.engine.format import Wanted, propose
from worker_service.settings import EngineSettings

TASK = "open-vocabulary-detection"
PICTURE = np.random.default_rng(3).integers(0, 256, (60, 90, 3), np.uint8)


def engine_of(folder: Path) -> Engine:
    return Engine(EngineSettings(model_dirs=(folder,), intra_op_threads=1, warm_up=True))


def without_its_text_side(folder: Path, name: str, text_model: str) -> None:
    """YOLO-World as Ultralytics exports it."""
    examples.model(folder / name, "yolo-world", TASK)
    path = folder / name / "model.json"
    manifest = json.loads(path.read_bytes())
    kept = {file: digest for file, digest in manifest["files"].items() if file == "model.onnx"}
    path.write_text(json.dumps({**manifest, "files": kept, "text_model": text_model}))


def answer(engine: Engine, name: str, **params: Any) -> Any:
    (found,) = engine.infer(name, [PICTURE], params)
    return found


def test_variants_share_one_text_model(tmp_path: Path) -> None:
    """Loaded once by the cache, and answering as a text side of the folder's own does."""
    shutil.copytree(foundation.FOLDER / "clip", tmp_path / "clip")
    for name in ("small", "large"):
        without_its_text_side(tmp_path, name, "clip")
    examples.model(tmp_path / "own", "yolo-world", TASK)
    engine = engine_of(tmp_path)
    found = [answer(engine, name, texts=["a red circle"], confidence=0.0) for name in ("small", "large", "own")]
    for other in found[1:]:
        np.testing.assert_allclose(other.scores, found[0].scores, atol=1e-5)
    assert engine.cache_counts()["clip"]["loads"] == 1
    assert {held.id for held in engine.held()} == {"small", "large", "own", "clip"}


def test_a_text_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    without_its_text_side(tmp_path, "m", "clip/ViT-B-32")
    with pytest.raises(ModelLoadFailed, match=r"clip/ViT-B-32.*not in the repository"):
        engine_of(tmp_path).get("m")


@pytest.mark.parametrize("family", ["yolo-world", "grounding-dino", "owlv2"])
def test_requests_in_one_batch_ask_for_their_own(tmp_path: Path, family: str) -> None:
    examples.model(tmp_path / "m", family, TASK)
    engine = engine_of(tmp_path)
    model: Any = engine.get("m")
    asked = [model.params({"texts": texts, "confidence": 0.0}) for texts in (["a"], ["square", "a red circle"], ["a"])]
    items = [model.preprocess(PICTURE, params) for params in asked]
    raws = model.infer(items)
    found = [model.postprocess(raw, item, params) for raw, item, params in zip(raws, items, asked, strict=True)]
    assert [result.labels for result in found] == [("a",), ("square", "a red circle"), ("a",)]
    np.testing.assert_allclose(found[0].scores, found[2].scores, atol=1e-6)
    alone = answer(engine, "m", texts=["square", "a red circle"], confidence=0.0)
    np.testing.assert_allclose(found[1].scores, alone.scores, atol=1e-5)


def test_tokens_see_their_own_phrase_only() -> None:
    """[CLS] a dog . cat . [SEP]"""
    blocks, places = phrases([2, 7, 8, 5, 9, 5, 3], frozenset({2, 3, 5}))
    assert places.tolist() == [0, 0, 1, 2, 0, 1, 0]
    assert np.flatnonzero(blocks[1]).tolist() == [1, 2, 3]
    assert np.flatnonzero(blocks[4]).tolist() == [4, 5]
    assert np.flatnonzero(blocks[6]).tolist() == [6]


def test_examples_that_show_nothing(tmp_path: Path) -> None:
    examples.model(tmp_path / "m", "owlv2", TASK)
    engine = engine_of(tmp_path)
    box = {"x": 80, "y": 80, "w": 60, "h": 60, "name": "a"}
    picture = pictures.read("exact.jpg")
    for example in (
        {"image": picture, "boxes": []},
        {"image": picture, "boxes": [{**box, "negative": True}]},
        {"image": picture, "boxes": [{**box, "x": 5000}]},
        {"image": b"no picture", "boxes": [box]},
        {"image": picture, "boxes": [{**box, "w": 0}]},
    ):
        try:
            found = answer(engine, "m", training=[example])
        except InvalidRequest:
            continue
        assert isinstance(found, InvalidRequest), example
    assert len(answer(engine, "m", training=[{"image": picture, "boxes": [box]}], confidence=0.0).scores)


@pytest.mark.parametrize(
    "params",
    [{"texts": []}, {"texts": [""]}, {"texts": ["a"] * 1001}, {"text_threshold": 2}],
    ids=["none", "empty", "many", "threshold"],
)
def test_bad_texts_are_an_invalid_request(tmp_path: Path, params: dict[str, Any]) -> None:
    examples.model(tmp_path / "m", "grounding-dino", TASK)
    with pytest.raises(InvalidRequest):
        engine_of(tmp_path).get("m").params(params)


def test_a_caption_without_end_is_refused(tmp_path: Path) -> None:
    examples.model(tmp_path / "m", "grounding-dino", TASK)
    assert isinstance(answer(engine_of(tmp_path), "m", texts=["a red circle"] * 100), InvalidRequest)


def test_owlv2_without_a_text_side_is_loaded_and_finds_by_examples(tmp_path: Path) -> None:
    examples.model(tmp_path / "m", "owlv2", TASK)
    path = tmp_path / "m" / "model.json"
    manifest = json.loads(path.read_bytes())
    files = {file: digest for file, digest in manifest["files"].items() if file == "image.onnx"}
    path.write_text(json.dumps({**manifest, "files": files}))
    engine = engine_of(tmp_path)
    box = {"x": 80, "y": 80, "w": 60, "h": 60, "name": "a"}
    example = {"image": pictures.read("exact.jpg"), "boxes": [box]}
    assert len(answer(engine, "m", training=[example], confidence=0.0).scores)
    anything = answer(engine, "m", confidence=0.0)
    assert set(anything.labels) == {"object"}
    assert len(anything.scores)
    found = answer(engine, "m", texts=["a red circle"])
    assert isinstance(found, InvalidRequest)
    assert "textual.onnx" in found.message


def test_what_examples_are_remembered_is_counted(tmp_path: Path) -> None:
    examples.model(tmp_path / "m", "owlv2", TASK)
    engine = engine_of(tmp_path)
    box = {"x": 80, "y": 80, "w": 60, "h": 60, "name": "a"}
    params = {"training": [{"image": pictures.read("exact.jpg"), "boxes": [box]}]}
    before = engine.get("m").bytes
    answer(engine, "m", **params)
    once = engine.get("m").bytes
    answer(engine, "m", **params)
    assert before < once == engine.get("m").bytes


def joint(folder: Path, **fields: Any) -> Path:
    """OWLv2 in one graph."""
    made = shutil.copytree(foundation.FOLDER / "owlv2-joint", folder / "m")
    stated = json.loads((made / "model.json").read_bytes())
    (made / "model.json").write_text(json.dumps({**stated, "id": "m", **fields}))
    return made


def test_owlv2_in_one_graph_is_recognised(tmp_path: Path) -> None:
    folder = joint(tmp_path)
    (folder / "model.json").unlink()
    proposal = propose(folder / "model.onnx", Wanted("m"))
    assert (proposal.manifest.family, proposal.manifest.task) == ("owlv2", TASK)
    assert (proposal.manifest.input.width, set(proposal.manifest.files)) == (960, {"weights.onnx", "tokenizer.json"})


def test_owlv2_in_one_graph_takes_any_number_of_texts_and_no_examples(tmp_path: Path) -> None:
    joint(tmp_path)
    engine = engine_of(tmp_path)
    texts = ["a red circle", "square", "a photo of a star", "a", "b"]
    whole = answer(engine, "m", texts=texts, confidence=0.0, class_agnostic_nms=False, iou_threshold=1.0)
    assert set(whole.labels) == set(texts)
    alone = [answer(engine, "m", texts=[text], confidence=0.0, iou_threshold=1.0).scores.max() for text in texts]
    assert whole.scores.max() == pytest.approx(max(alone), abs=1e-5)
    box = {"x": 80, "y": 80, "w": 60, "h": 60, "name": "a"}
    refused = answer(engine, "m", training=[{"image": pictures.read("exact.jpg"), "boxes": [box]}])
    assert isinstance(refused, InvalidRequest)
    assert "image.onnx" in refused.message
