"""What is asked of a picture on the command line and by ``find_like``, against a server that only listens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from visionfleet import Client, Detections, Example

from tests.unit.client.fake_server import Answer, FakeServer
from tests.unit.client.test_cli import visionfleet

ROWS = [{"x": 5, "y": 6, "width": 4, "height": 2, "confidence": 0.9, "class": "thing", "class_id": 0}]
FOUND = {"image": {"width": 20, "height": 10}, "predictions": ROWS, "time": 0.1}


def test_find_like(client: Client, server: FakeServer) -> None:
    server.answer("/owlv2/infer", Answer(FOUND))
    examples = [Example(b"one", (10, 20, 30, 60), "thing"), Example(b"two", (0, 0, 4, 4), "other", negative=True)]
    found = client.find_like(b"picture", examples, "owl", confidence=0.8)
    assert isinstance(found, Detections)
    assert [box.class_name for box in found] == ["thing"]
    (asked,) = server.to("/owlv2/infer")
    assert (asked.json["model_id"], asked.json["confidence"]) == ("owl", 0.8)
    first, second = asked.json["training_data"]
    assert first["boxes"] == [{"x": 20, "y": 40, "w": 20, "h": 40, "cls": "thing", "negative": False}]
    assert second["boxes"][0]["negative"] is True


def asked_of(server: FakeServer, photo: Path, *arguments: str) -> dict[str, Any]:
    done = visionfleet("infer", photo, "-m", "m", *arguments, "--url", server.url, "--json")
    assert done.exit_code == 0, done.output
    (line,) = done.stdout.splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    made = tmp_path / "a.jpg"
    made.write_bytes(b"picture")
    return made


def test_points_and_boxes(server: FakeServer, photo: Path) -> None:
    row = {"masks": [[[1, 2], [1, 9], [9, 9]]], "confidence": 0.5, "format": "polygon"}
    server.answer("/sam2/segment_image", Answer({"predictions": [row], "time": 0.1}))
    found = asked_of(server, photo, "--point", "3,4", "--off", "1,1", "--box", "0,0,4,2")
    assert found["masks"] == [{"confidence": 0.5, "polygons": [[[1, 2], [1, 9], [9, 9]]]}]
    (sent,) = server.to("/sam2/segment_image")
    (prompt,) = sent.json["prompts"]["prompts"]
    assert prompt["box"] == {"x": 2, "y": 1, "width": 4, "height": 2}
    assert [point["positive"] for point in prompt["points"]] == [True, False]


def test_examples(server: FakeServer, photo: Path) -> None:
    server.answer("/owlv2/infer", Answer(FOUND))
    found = asked_of(server, photo, "--like", f"{photo}:0,0,4,2", "--like", f"{photo}:1,1,3,3:cup")
    assert found["predictions"][0]["class"] == "thing"
    (sent,) = server.to("/owlv2/infer")
    assert [each["boxes"][0]["cls"] for each in sent.json["training_data"]] == ["object", "cup"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--point", "320"), "--point takes 2 numbers"),
        (("--box", "1,2,3"), "--box takes 4 numbers"),
        (("--box", "1,2,3,4", "--box", "1,2,3,4", "--point", "1,1"), "one --box"),
        (("--like", "nowhere.jpg:1,2,3,4"), "is no file"),
        (("--like", "nowhere.jpg:1,2,3,4", "--point", "1,1"), "give one kind"),
        (("--point", "1,1", "--native"), "--native does not go"),
        (("--point", "1,1", "--save", "out"), "--save does not go"),
    ],
)
def test_marks_that_are_none(photo: Path, arguments: tuple[str, ...], said: str) -> None:
    done = visionfleet("infer", photo, "-m", "m", *arguments, "--url", "http://127.0.0.1:1")
    assert done.exit_code == 2
    assert said in " ".join(done.output.replace("│", " ").split())
