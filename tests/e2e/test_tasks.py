"""Masks, class maps and skeletons through the whole system over HTTP, from graphs whose answers are known."""

from __future__ import annotations

import base64
import time
from typing import Any

import cv2
import numpy as np
import pytest
import requests

from tests.e2e.http_images import post
from tests.launcher import Launched
from tests.unit.engine import examples
from worker_service.engine.vision.rle import expand

pytestmark = pytest.mark.e2e
MODELS = {
    "known-masks": ("yolov8-seg", "instance-segmentation"),
    "known-points": ("yolov8-pose", "keypoint-detection"),
    "known-classes": ("semantic-segmentation", "semantic-segmentation"),
}
BONES = [[0, 1]]


@pytest.fixture(scope="module")
def served(system: Launched) -> str:
    """Where a system serves that has found the models; they are added while it runs."""
    for name, (family, task) in MODELS.items():
        folder = system.data_dir / "models" / name
        folder.mkdir(parents=True)
        fields = {"skeleton": BONES} if family == "yolov8-pose" else {}
        examples.model(folder, family, task, id=name, **fields)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if set(MODELS) <= set(models(system.base_url)):
            return system.base_url
        time.sleep(0.2)
    raise AssertionError("the models were not found")


def models(base_url: str) -> dict[str, dict[str, Any]]:
    fleet = requests.get(f"{base_url}/v1/fleet", timeout=30).json()
    return {model["id"]: model for model in fleet["models"]}


def picture() -> bytes:
    return bytes(cv2.imencode(".png", np.full((64, 64, 3), 128, np.uint8))[1])


def image_of(text: str) -> Any:
    return cv2.imdecode(np.frombuffer(base64.b64decode(text), np.uint8), cv2.IMREAD_UNCHANGED)


def test_masks_as_run_lengths_and_as_outlines(served: str) -> None:
    """Both forms of the masks are the boxes that the graph's prototypes fill."""
    route = "/infer/instance_segmentation"
    coded = post(served, route, "known-masks", picture(), response_mask_format="rle").json()["predictions"]
    outlined = post(served, route, "known-masks", picture()).json()["predictions"]
    assert len(coded) == len(outlined) == len(examples.BOXES)
    for row, outline, (x0, y0, x1, y1) in zip(coded, outlined, examples.BOXES.astype(int).tolist(), strict=True):
        expected = np.zeros((64, 64), np.uint8)
        expected[y0:y1, x0:x1] = 1
        assert row["rle"]["size"] == [64, 64]
        runs = expand(row["rle"]["counts"])
        mask = np.repeat(np.arange(len(runs)) % 2, runs).reshape(64, 64).T  # COCO goes column by column
        assert np.array_equal(mask, expected)
        points = np.array([(point["x"], point["y"]) for point in outline["points"]])
        assert np.array_equal(
            cv2.fillPoly(np.zeros((64, 64), np.uint8), [points.round().astype(np.int32)], 1), expected
        )


def test_class_maps_are_png_files(served: str) -> None:
    """The graph answers class 2 above a quarter of the height, class 1 left below it, class 0 elsewhere."""
    answer = post(served, "/infer/semantic_segmentation", "known-classes", picture()).json()["predictions"]
    classes, chances = image_of(answer["segmentation_mask"]), image_of(answer["confidence_mask"])
    assert classes.shape == chances.shape == (64, 64)
    assert classes.dtype == chances.dtype == np.uint8
    assert (classes[:8] == 2).all()
    assert (classes[24:, :24] == 1).all()
    assert (classes[24:, 40:] == 0).all()
    assert set(answer["class_map"]) == {"0", "1", "2"}
    assert chances[24:, :24].min() > 200


def test_skeletons_are_with_the_model_and_points_with_the_answer(served: str) -> None:
    answer = post(served, "/infer/keypoints_detection", "known-points", picture()).json()["predictions"]
    known = models(served)["known-points"]
    assert known["keypoints"] == list(examples.POINTS)
    assert known["skeleton"] == BONES
    for row in answer:
        assert [point["class"] for point in row["keypoints"]] == known["keypoints"]
        assert all(0 <= point["x"] <= 64 and 0 <= point["y"] <= 64 for point in row["keypoints"])
