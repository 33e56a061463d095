"""``supervision`` reads our answers: the versions that come with the SDKs, and the newest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import supervision

from tests.e2e.http_images import post
from tests.sdk.environments import Sdk, image
from tests.unit.engine.examples import BOXES

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


def test_boxes(sdk: Sdk, plain_picture: Path) -> None:
    answer = sdk.call("infer", image(plain_picture), model_id="tiny-boxes/1")
    read = sdk.call("supervision.Detections", answer)
    assert read["xyxy"] == [pytest.approx(box, abs=0.51) for box in BOXES.tolist()]
    assert (read["class_id"], read["names"]) == ([0, 1], ["a", "b"])
    assert read["confidence"] == pytest.approx([0.9, 0.8], abs=1e-3)


def test_masks(sdk: Sdk, plain_picture: Path) -> None:
    answer = sdk.call("infer", image(plain_picture), model_id="tiny-masks/1")
    areas = sdk.call("supervision.Detections", answer)["areas"]
    assert areas == [pytest.approx(20 * 24, rel=0.15), pytest.approx(24 * 16, rel=0.15)]


def test_run_lengths(newest: Sdk, plain_picture: Path) -> None:
    answer = newest.call("infer", image(plain_picture), model_id="tiny-masks/1", config={"response_mask_format": "rle"})
    areas = newest.call("supervision.Detections", answer)["areas"]
    assert areas == [pytest.approx(20 * 24, rel=0.15), pytest.approx(24 * 16, rel=0.15)]


def test_keypoints(newest: Sdk, plain_picture: Path) -> None:
    answer = newest.call("infer", image(plain_picture), model_id="tiny-poses/1")
    assert newest.call("supervision.KeyPoints", answer)["xy"][0] == [[10, 20], [30, 44]]
    assert newest.call("supervision.Detections", answer)["names"] == ["a", "b"]


def test_nothing_found(sdk: Sdk, plain_picture: Path) -> None:
    for model in ("tiny-boxes/1", "tiny-masks/1"):
        answer = sdk.call("infer", image(plain_picture), model_id=model, config={"confidence_threshold": 0.99})
        assert sdk.call("supervision.Detections", answer)["xyxy"] == []


def test_our_own_supervision(server: str, plain_picture: Path) -> None:
    for task, model in (("object_detection", "tiny-boxes"), ("instance_segmentation", "tiny-masks")):
        answer = post(server, f"/infer/{task}", model, plain_picture.read_bytes()).json()
        read = supervision.Detections.from_inference(answer)
        assert np.allclose(read.xyxy, BOXES, atol=0.51)
        assert (read.mask is not None) == (model == "tiny-masks")
