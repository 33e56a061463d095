"""GroundingDINO and OWLv2 against transformers, YOLO-World's layout against itself: from bytes to boxes."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest

from tests.parity import pictures
from tests.parity.foundation import CAPTIONS, FOLDER, PROMPTED, QUERIES
from worker_service.engine.engine import Engine
from worker_service.settings import EngineSettings

log = logging.getLogger(__name__)

SCORE = 5e-4
BOX = 2e-3
"""Of the picture's longer side."""


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(EngineSettings(model_dirs=(FOLDER,), intra_op_threads=1, warm_up=True))


def answers(net: str) -> dict[str, Any]:
    with np.load(FOLDER / net / "answers.npz") as file:
        return dict(file)


def result(engine: Engine, net: str, name: str, params: dict[str, Any]) -> Any:
    (found,) = engine.infer(net, [pictures.read(name)], {"iou_threshold": 1.0, **params})
    assert not isinstance(found, Exception), found
    return found


def compare(found: Any, boxes: Any, scores: Any, what: str) -> Any:
    """Best first on both sides; the order of the reference that ours has."""
    order = np.argsort(-scores, kind="stable")
    assert len(found.scores) == len(scores) > 0, what
    width, height = found.image
    edges = np.clip(boxes[order], 0, [width, height, width, height])
    off = np.abs(found.boxes - edges).max() / max(width, height)
    log.info(
        "%s: %d boxes off by %.1e, scores by %.1e", what, len(scores), off, np.abs(found.scores - scores[order]).max()
    )
    assert off < BOX
    assert np.abs(found.scores - scores[order]).max() < SCORE
    return order


def said(phrase: str) -> set[str]:
    """The words of a phrase, which transformers decodes with full stops and special tokens."""
    return set(phrase.replace("[SEP]", " ").replace(".", " ").split())


@pytest.mark.parametrize("net", ["grounding-dino", "grounding-dino-authors"])
@pytest.mark.parametrize("name", PROMPTED)
@pytest.mark.parametrize("number", range(len(CAPTIONS)))
def test_grounding_dino(engine: Engine, name: str, number: int, net: str) -> None:
    """All boxes of the reference whose phrase has a word, each with a text that has a word of its phrase."""
    known = answers(net)
    boxes, scores, phrases, (box, word) = (
        known[f"{name}.{number}.{key}"] for key in ("boxes", "scores", "phrases", "thresholds")
    )
    texts = [text.strip() for text in CAPTIONS[number].split(".") if text.strip()]
    named = np.array([bool(said(phrase)) for phrase in phrases])
    found = result(engine, net, name, {"texts": texts, "confidence": float(box), "text_threshold": float(word)})
    order = compare(found, boxes[named], scores[named], f"{name} {number}")
    for class_id, phrase in zip(found.class_ids, phrases[named][order], strict=True):
        assert said(phrase) & set(texts[class_id].split()), (phrase, texts[class_id])


@pytest.mark.parametrize("net", ["owlv2", "owlv2-joint"])
@pytest.mark.parametrize("name", PROMPTED)
def test_owlv2_by_texts(engine: Engine, name: str, net: str) -> None:
    wanted = answers(net)
    threshold = float(wanted[f"{name}.threshold"][0])
    found = result(engine, net, name, {"texts": QUERIES, "confidence": threshold})
    order = compare(found, wanted[f"{name}.boxes"], wanted[f"{name}.scores"], name)
    assert found.class_ids.tolist() == wanted[f"{name}.labels"][order].tolist()


def test_owlv2_by_examples(engine: Engine) -> None:
    """A box that the model answers to a text, drawn as an example on the same image, is the best answer to itself."""
    seen = result(engine, "owlv2", "wide.jpg", {"texts": QUERIES, "confidence": 0.0})
    x0, y0, x1, y1 = (float(edge) for edge in seen.boxes[0])
    box = {"x": (x0 + x1) / 2, "y": (y0 + y1) / 2, "w": x1 - x0, "h": y1 - y0, "name": "thing"}
    example = {"image": pictures.read("wide.jpg"), "boxes": [box]}
    found = result(engine, "owlv2", "wide.jpg", {"training": [example], "confidence": 0.9})
    assert found.scores[0] == pytest.approx(1, abs=1e-4)
    assert found.labels == ("thing",)
    never = {
        "image": example["image"],
        "boxes": [{**box, "name": "other", "x": box["x"] + 5}, {**box, "negative": True}],
    }
    assert len(result(engine, "owlv2", "wide.jpg", {"training": [never], "confidence": 0.999}).scores) < 3


@pytest.mark.parametrize("name", PROMPTED)
def test_yolo_world_reads_the_vectors_of_clip(engine: Engine, name: str) -> None:
    """One text at a time answers the same scores as all together, and the vectors are CLIP's of unit length."""
    together = result(engine, "yolo-world", name, {"texts": QUERIES, "confidence": 0.0, "class_agnostic_nms": False})
    alone = [result(engine, "yolo-world", name, {"texts": [query], "confidence": 0.0}) for query in QUERIES]
    best = np.max([each.scores.max() for each in alone])
    assert together.scores.max() == pytest.approx(best, abs=1e-5)
    assert set(together.labels) == set(QUERIES)
    model: Any = engine.get("yolo-world")
    (vectors,) = model.told(("a red circle",), model.params({}))["txt_feats"]
    known = answers_of_text(engine, "a red circle")
    np.testing.assert_allclose(vectors, known / np.linalg.norm(known), atol=1e-5)


def answers_of_text(engine: Engine, text: str) -> Any:
    (found,) = engine.infer("clip", [text])
    vector: Any = found
    return vector.vector
