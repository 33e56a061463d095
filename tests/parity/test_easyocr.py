"""EasyOCR against EasyOCR: the same weights, from a page's bytes to lines, in every mix of languages that was asked."""

from __future__ import annotations

import json
import logging
from typing import Any

import cv2
import numpy as np
import pytest

from shared.errors import InvalidRequest
from tests.parity import reading
from tests.parity.foundation import FOLDER
from worker_service.engine.engine import Engine
from worker_service.engine.text_results import ReadText
from worker_service.settings import EngineSettings

log = logging.getLogger(__name__)
ANSWERS: dict[str, dict[str, list[dict[str, Any]]]] = json.loads((FOLDER / "easyocr" / "answers.json").read_bytes())
BOXES, SCORE = 0.01, 1e-3
"""Corners of tilted boxes are kept to four digits; scores are products of up to a hundred chances."""


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(EngineSettings(model_dirs=(FOLDER,), intra_op_threads=1, warm_up=False))


@pytest.mark.parametrize("codes", sorted(ANSWERS))
def test_lines_texts_and_scores(engine: Engine, codes: str) -> None:
    pages = [(reading.FOLDER / name).read_bytes() for name in reading.EASY]
    found = engine.infer("easyocr", pages, {"languages": codes.split(",")})
    for name, one in zip(reading.EASY, found, strict=True):
        known = ANSWERS[codes][name]
        assert isinstance(one, ReadText)
        assert one.boxes is not None
        assert list(one.boxes.labels) == [line["text"] for line in known]
        around = np.array([[*np.min(line["corners"], 0), *np.max(line["corners"], 0)] for line in known])
        off = np.abs(one.boxes.boxes - around).max()
        unsure = np.abs(one.boxes.scores - [line["score"] for line in known]).max()
        log.info("%s, %s: boxes off by %.4f pixels, scores by %.1e", codes, name, off, unsure)
        assert off <= BOXES
        assert unsure <= SCORE
        assert one.text == " ".join(one.boxes.labels)


def test_the_recording_takes_every_way() -> None:
    lines = [line for page in ANSWERS["en,de,fr"].values() for line in page]
    assert sum(line["score"] < 0.1 for line in lines) >= 5, "lines that are read twice"
    assert sum(not float(line["corners"][0][0]).is_integer() for line in lines) >= 5, "tilted lines"
    assert any("ö" in line["text"] for line in lines), "letters that English lacks"


def test_languages(engine: Engine) -> None:
    page = (reading.FOLDER / "page.png").read_bytes()
    every, some = (engine.infer("easyocr", [page], asked)[0] for asked in ({}, {"languages": ["en", "de", "fr"]}))
    assert every.text == some.text  # type: ignore[union-attr]
    with pytest.raises(InvalidRequest, match="reads de, en, fr, not xx"):
        engine.infer("easyocr", [page], {"languages": ["en", "xx"]})


def test_a_page_without_words(engine: Engine) -> None:
    blank = cv2.imencode(".png", np.full((90, 70, 3), 255, np.uint8))[1].tobytes()
    (found,) = engine.infer("easyocr", [blank])
    assert isinstance(found, ReadText)
    assert (found.text, len(found.boxes.boxes)) == ("", 0)  # type: ignore[union-attr]
