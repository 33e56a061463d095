"""docTR against docTR: the same graphs, from a page's bytes to words, in lines."""

from __future__ import annotations

import json
import logging
from typing import Any

import cv2
import numpy as np
import pytest

from tests.parity import reading
from tests.parity.foundation import FOLDER
from worker_service.engine.engine import Engine
from worker_service.engine.text_results import ReadText
from worker_service.settings import EngineSettings

log = logging.getLogger(__name__)
BOXES, SCORE = 0.001, 1e-3
"""The reference is rounded to thousandths of a pixel; scores are those of nets that are sure of nothing."""


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(EngineSettings(model_dirs=(FOLDER,), intra_op_threads=1, warm_up=False))


def answers(net: str) -> dict[str, Any]:
    known: dict[str, Any] = json.loads((FOLDER / net / "answers.json").read_bytes())
    return known


@pytest.mark.parametrize("net", ["doctr", "doctr-end"])
def test_words_lines_and_boxes(engine: Engine, net: str) -> None:
    found = dict(
        zip(reading.WORDED, engine.infer(net, [(reading.FOLDER / n).read_bytes() for n in reading.WORDED]), strict=True)
    )
    wrong: list[tuple[str, str]] = []
    for name, known in answers(net).items():
        one = found[name]
        assert isinstance(one, ReadText)
        assert one.boxes is not None
        words = [word for word in known["words"] if word["text"]]
        assert len(words) >= 3, "the reference has to read something"
        wrong += [
            pair for pair in zip(one.boxes.labels, (word["text"] for word in words), strict=True) if len({*pair}) > 1
        ]
        ours = [line.split(" ") for line in one.text.split("\n")]
        theirs = [line.split() for line in known["text"].split("\n") if line.strip()]
        # Lines of words that were read empty are left out; words are in docTR's order, its rendering moves blocks.
        assert sorted(map(len, ours)) == sorted(map(len, theirs))
        assert sorted(ours) == sorted(theirs)
        off = np.abs(one.boxes.boxes - [word["box"] for word in words]).max()
        unsure = np.abs(one.boxes.scores - [word["score"] for word in words]).max()
        log.info("%s, %s: boxes off by %.4f pixels, scores by %.1e", net, name, off, unsure)
        assert off <= BOXES
        assert unsure <= SCORE
    assert wrong == []


def test_a_page_without_words(engine: Engine) -> None:
    blank = cv2.imencode(".png", np.full((90, 90, 3), 255, np.uint8))[1].tobytes()
    (found,) = engine.infer("doctr", [blank])
    assert isinstance(found, ReadText)
    assert (found.text, len(found.boxes.boxes)) == ("", 0)  # type: ignore[union-attr]
