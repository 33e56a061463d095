"""Text by our own client."""

from __future__ import annotations

import pytest
from visionfleet.errors import BadAnswer
from visionfleet.results import Reading, Writing, parse

BOX = {"x": 5, "y": 5, "width": 4, "height": 2, "confidence": 0.9, "class": "two", "class_id": 0}


def test_text_without_boxes() -> None:
    found = parse("ocr", "m", {"result": "two words", "time": 0.1, "parent_id": None})
    assert isinstance(found, Reading)
    assert (found.text, found.boxes, found.rows()) == ("two words", (), [{"text": "two words"}])


def test_text_with_boxes() -> None:
    found = parse("ocr", "m", {"result": "two", "image": {"width": 9, "height": 9}, "predictions": [BOX]})
    assert isinstance(found, Reading)
    (row,) = found.rows()
    assert (row["text"], row["confidence"], found.boxes[0].xyxy) == ("two", 0.9, (3, 4, 7, 6))


def test_no_text() -> None:
    with pytest.raises(BadAnswer):
        parse("ocr", "m", {"result": None})


def test_what_was_written() -> None:
    size = {"width": 9, "height": 9}
    found = parse("lmm", "m", {"response": {"<CAPTION>": "a boat"}, "image": size})
    assert isinstance(found, Writing)
    assert (found.text, found.rows()) == ("a boat", [{"text": "a boat"}])
    lists = parse("lmm", "m", {"response": {"<OD>": {"labels": ["é"]}}, "image": size})
    assert isinstance(lists, Writing)
    assert lists.text == '{"labels": ["é"]}'
    with pytest.raises(BadAnswer):
        parse("lmm", "m", {"response": 3, "image": size})
