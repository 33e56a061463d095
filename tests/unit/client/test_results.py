"""Typed results of every task, as the engine itself writes them: read, tabled, converted, drawn."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import supervision as sv
from PIL import Image
from visionfleet import ClassMap, Instances, Poses, Result, drawing
from visionfleet.drawing import with_pillow
from visionfleet.errors import BadAnswer, InvalidImage, NotInstalled, UnsupportedTask
from visionfleet.results import parse

from tests.unit.client.answers import CLASSES, DETECTIONS, MULTI
from worker_service.engine.keypoint_results import Poses as EnginePoses
from worker_service.engine.mask_results import ClassMap as EngineMap
from worker_service.engine.mask_results import Instances as EngineInstances

BOXES = np.array([[10, 10, 60, 50], [30, 20, 90, 70]], np.float32)
SCORES = np.array([0.9, 0.6], np.float32)
IDS = np.array([1, 0], np.int64)
LABELS = ("cat", "dog")
SIZE = (100, 80)
OUTLINES = tuple(np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32) for x0, y0, x1, y1 in BOXES)


def instances() -> dict[str, Any]:
    return EngineInstances(SIZE, BOXES, SCORES, IDS, LABELS, shapes=OUTLINES).to_dict()


def runs() -> dict[str, Any]:
    shapes = tuple(np.array([[x, 10, 40] for x in range(20, 50)], np.int64) for _ in BOXES)
    return EngineInstances(SIZE, BOXES, SCORES, IDS, LABELS, shapes=shapes, mask_format="rle").to_dict()


def poses() -> dict[str, Any]:
    points = np.array([[[20, 20, 0.9], [40, 30, 0.0]], [[50, 50, 0.8], [60, 60, 0.7]]], np.float32)
    return EnginePoses(SIZE, BOXES, SCORES, IDS, LABELS, keypoints=points, names=("nose", "tail")).to_dict()


def classes_of_pixels() -> dict[str, Any]:
    ids = np.zeros((80, 100), np.uint8)
    ids[:20] = 1
    return EngineMap(SIZE, ids, np.full((80, 100), 200, np.uint8), LABELS).to_dict()


ANSWERS: dict[str, Callable[[], dict[str, Any]]] = {
    "object-detection": lambda: DETECTIONS,
    "classification": lambda: CLASSES,
    "multi-label-classification": lambda: MULTI,
    "instance-segmentation": instances,
    "keypoint-detection": poses,
    "semantic-segmentation": classes_of_pixels,
}


def over_json(value: Any) -> Any:
    """What JSON makes of an answer: bytes are base64."""
    return json.loads(json.dumps(value, default=lambda data: base64.b64encode(data).decode()))


@pytest.mark.parametrize("task", ANSWERS)
def test_msgpack_and_json_read_the_same(task: str) -> None:
    body = ANSWERS[task]()
    packed, plain = parse(task, "m", body), parse(task, "m", over_json(body))
    assert type(packed) is type(plain)
    assert packed.rows() == plain.rows()
    assert json.loads(packed.to_json()) == json.loads(plain.to_json())
    assert packed.rows()
    assert type(packed) is not Result


def test_masks() -> None:
    found = parse("instance-segmentation", "m", instances())
    assert isinstance(found, Instances)
    assert found.boxes[0].points[2] == (60.0, 50.0)
    assert found.boxes[0].rle is None
    made = found.to_supervision()
    assert made.mask is not None
    assert made.mask.shape == (2, 80, 100)
    assert made.mask[0, 30, 30]
    assert not made.mask[0, 70, 90]


def test_run_lengths() -> None:
    found = parse("instance-segmentation", "m", runs())
    assert isinstance(found, Instances)
    assert found.boxes[0].points == ()
    assert found.boxes[0].rle is not None
    mask = found.to_supervision().mask
    assert mask is not None
    assert int(mask[0].sum()) == 30 * 30


def test_keypoints() -> None:
    found = parse("keypoint-detection", "m", poses())
    assert isinstance(found, Poses)
    assert [point.name for point in found.boxes[0].keypoints] == ["nose"]
    assert found.rows()[1]["tail_x"] == 60.0
    assert isinstance(found.to_supervision(), sv.KeyPoints)


def test_class_map() -> None:
    found = parse("semantic-segmentation", "m", classes_of_pixels())
    assert isinstance(found, ClassMap)
    assert found.labels == {0: "cat", 1: "dog"}
    assert [(row["class"], row["share"]) for row in found.rows()] == [("cat", 0.75), ("dog", 0.25)]
    made = found.to_supervision()
    assert made.mask is not None
    assert made.xyxy[1].tolist() == [0, 0, 99, 19]


@pytest.mark.parametrize("task", ["object-detection", "classification", "multi-label-classification"])
def test_to_supervision(task: str) -> None:
    made = parse(task, "m", ANSWERS[task]()).to_supervision()
    assert len(made) == len(parse(task, "m", ANSWERS[task]()).rows())


def test_a_task_that_nobody_knows() -> None:
    found = parse("smell-detection", "m", {"image": {"width": 9, "height": 9}, "x": 1})
    assert found.rows()[0]["x"] == 1
    for call in (found.to_supervision, lambda: found.plot(Image.new("RGB", (9, 9)))):
        with pytest.raises(UnsupportedTask):
            call()


@pytest.mark.parametrize("task", ANSWERS)
@pytest.mark.parametrize("package", ["supervision", "pillow"])
def test_plot(task: str, package: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if package == "pillow":
        monkeypatch.setattr(drawing, "importable", lambda _: False)
    path = tmp_path / "a.png"
    Image.new("RGB", SIZE, "black").save(path)
    found = parse(task, "m", ANSWERS[task]())
    drawn = found.plot(path)
    assert drawn.size == SIZE
    assert np.asarray(drawn).any(), "something was drawn"
    assert not np.asarray(Image.open(path)).any(), "on a copy"
    assert np.array_equal(np.asarray(found.plot(np.zeros((80, 100, 3), np.uint8))), np.asarray(drawn))


def test_plot_needs_an_image() -> None:
    found = parse("object-detection", "m", DETECTIONS)
    for image in (None, "https://example.org/a.jpg", b"no image", "no/such/file.jpg"):
        with pytest.raises(InvalidImage):
            found.plot(image)


def test_colours_differ() -> None:
    assert len({with_pillow.colour_of(class_id) for class_id in range(80)}) == 80


def test_pandas_is_optional(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(NotInstalled, match="pip install pandas"):
        parse("object-detection", "m", DETECTIONS).to_pandas()


@pytest.mark.parametrize("task", ANSWERS)
def test_broken_answers(task: str) -> None:
    for body in ({"image": {"width": 1, "height": 1}}, {"image": {"width": 1, "height": 1}, "predictions": [{"x": 1}]}):
        with pytest.raises(BadAnswer):
            parse(task, "m", body)
