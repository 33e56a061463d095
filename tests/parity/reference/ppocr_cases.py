"""PP-OCR by RapidOCR itself: what it reads on our pages, for the models that its wheel brings. And a toy of two graphs.

Needs: rapidocr, in an environment of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from tests.parity import reading


def run(cache: Path, only: str) -> Iterator[str]:
    """Write the answers."""
    del cache, only
    from rapidocr import RapidOCR

    reader = RapidOCR(params={"Global.use_cls": False, "Global.log_level": "error"})
    answers = {}
    for name in reading.PAGES:
        found = reader(str(reading.FOLDER / name))
        lines = zip(found.txts, found.scores, found.boxes.tolist(), strict=True)
        answers[name] = [{"text": text, "score": float(score), "corners": box} for text, score, box in lines]
    reading.ANSWERS.write_text(json.dumps(answers, indent=1, ensure_ascii=False) + "\n")
    yield "pp-ocr"
