"""The real PP-OCR, as RapidOCR's wheel brings it, reads pages as RapidOCR does."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pytest

from tests.parity import reading
from worker_service.engine.engine import Engine
from worker_service.engine.format import Wanted, propose
from worker_service.engine.text_results import ReadText
from worker_service.settings import EngineSettings

log = logging.getLogger(__name__)
CORNERS, SCORE = 3.0, 0.05
"""RapidOCR rounds corners to whole pixels before and after it grows a box."""


@pytest.mark.timeout(180)
def test_pages_are_read_as_by_rapidocr(tmp_path: Path) -> None:
    proposal = propose(reading.models(), Wanted("pp_ocr/small-small"))
    folder = tmp_path / "pp_ocr" / "small-small"
    folder.mkdir(parents=True)
    for name, file in proposal.files.items():
        (folder / name).write_bytes(file.read_bytes())
    (folder / "model.json").write_text(proposal.manifest.model_dump_json(exclude_none=True))
    engine = Engine(EngineSettings(model_dirs=(tmp_path,), warm_up=False))
    known = json.loads(reading.ANSWERS.read_bytes())
    for page in reading.PAGES:
        (found,) = engine.infer("pp_ocr/small-small", [(reading.FOLDER / page).read_bytes()])
        assert isinstance(found, ReadText)
        assert found.boxes is not None
        assert list(found.boxes.labels) == [line["text"] for line in known[page]]
        around = np.array([[*np.min(line["corners"], 0), *np.max(line["corners"], 0)] for line in known[page]])
        off = np.abs(found.boxes.boxes - around).max()
        unsure = np.abs(found.boxes.scores - [line["score"] for line in known[page]]).max()
        log.info("%s: corners off by %.1f pixels, scores by %.3f", page, off, unsure)
        assert off <= CORNERS
        assert unsure <= SCORE
    (text,) = engine.infer("pp_ocr/small-small", [(reading.FOLDER / "page.png").read_bytes()])
    assert text.to_dict()["result"].split("\n") == reading.LINES
