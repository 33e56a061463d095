"""Real pictures through the whole system over HTTP: what was drawn is what is answered."""

from __future__ import annotations

import base64
import io
import uuid
from typing import Any

import cv2
import numpy as np
import pytest
import requests

from tests.e2e.http_images import (
    CLASSIFIER,
    CLASSIFY,
    DETECT,
    DETECTOR,
    corners,
    data,
    drawn,
    found,
    post,
    reference,
    shown,
)

pytestmark = pytest.mark.e2e
# Share of the drawn shapes that the demo model must find. Scaled to its 320 pixels, half of those in tall.jpg are tiny.
SCENES = {"scene.jpg": 0.9, "desk.jpg": 0.9, "small.png": 0.9, "tall.jpg": 0.4}


def as_jobs(base_url: str, wanted: dict[str, Any], **headers: str) -> requests.Response:
    return requests.post(f"{base_url}/v1/jobs", json=wanted, headers=headers, timeout=30)


def finished(base_url: str, job_id: str) -> dict[str, Any]:
    """The job once it is over."""
    answer = requests.get(f"{base_url}/v1/jobs/{job_id}", params={"wait": 20}, timeout=30)
    assert answer.status_code == 200
    job: dict[str, Any] = answer.json()
    assert job["state"] in ("succeeded", "failed"), job["state"]
    return job


@pytest.mark.parametrize(("name", "share"), SCENES.items())
def test_detection_finds_what_was_drawn(base_url: str, name: str, share: float) -> None:
    truth = drawn(name)
    answer = post(base_url, DETECT, DETECTOR, data(name))
    assert answer.status_code == 200
    predictions = answer.json()["predictions"]
    assert found(truth, predictions) >= share * len(truth)
    assert len(predictions) <= len(truth) + 1, "no more than one invention"
    image = answer.json()["image"]
    pixels = cv2.imdecode(np.frombuffer(data(name), np.uint8), cv2.IMREAD_COLOR)
    assert (image["height"], image["width"]) == pixels.shape[:2]
    assert all(0 <= corners(box)[0] < corners(box)[2] <= image["width"] for box in predictions)


@pytest.mark.parametrize("name", ["star.jpg", "ring.jpg"])
def test_classification_names_what_was_drawn(base_url: str, name: str) -> None:
    answer = post(base_url, CLASSIFY, CLASSIFIER, data(name)).json()
    assert answer["top"] == shown(name) == name.split(".", maxsplit=1)[0]
    assert answer["confidence"] > 0.8
    assert answer["predictions"][0]["class"] == answer["top"]


def test_headers_say_how_and_how_long(base_url: str) -> None:
    headers = post(base_url, DETECT, DETECTOR, data("desk.jpg")).headers
    stages = {name: float(ms) for name, ms in (part.split("=") for part in headers["X-Visionfleet-Timings"].split(";"))}
    assert set(stages) == {"queue", "decode", "preprocess", "infer", "post"}
    assert 0 < stages["infer"] < 1000 * float(headers["X-Processing-Time"])
    assert uuid.UUID(headers["X-Request-ID"])
    assert headers["X-Model-Id"] == DETECTOR


def test_a_list_is_answered_by_a_list_in_order(base_url: str) -> None:
    names = ["star.jpg", "ring.jpg", "star.jpg", "star.jpg", "ring.jpg"]
    answers = post(base_url, CLASSIFY, CLASSIFIER, [data(name) for name in names]).json()
    assert [answer["top"] for answer in answers] == [name.split(".")[0] for name in names]
    (alone,) = post(base_url, CLASSIFY, CLASSIFIER, [data("ring.jpg")]).json()
    assert alone["top"] == "ring"


def test_thresholds_and_filters_reach_the_model(base_url: str) -> None:
    picture = data("scene.jpg")
    everything = post(base_url, DETECT, DETECTOR, picture, confidence=0.01, iou_threshold=1.0).json()["predictions"]
    usual = post(base_url, DETECT, DETECTOR, picture).json()["predictions"]
    strict = post(base_url, DETECT, DETECTOR, picture, confidence=0.95).json()["predictions"]
    crosses = post(base_url, DETECT, DETECTOR, picture, class_filter=["cross"]).json()["predictions"]
    two = post(base_url, DETECT, DETECTOR, picture, max_detections=2).json()["predictions"]
    assert len(everything) > len(usual) > len(strict)
    assert all(box["confidence"] >= 0.95 for box in strict)
    assert {box["class"] for box in crosses} == {"cross"}
    assert [box["confidence"] for box in two] == [box["confidence"] for box in usual[:2]]


def test_the_annotated_picture_is_a_picture(base_url: str) -> None:
    answer = post(base_url, DETECT, DETECTOR, data("desk.jpg"), visualize_predictions=True).json()
    drawn_on = cv2.imdecode(np.frombuffer(base64.b64decode(answer["visualization"]), np.uint8), cv2.IMREAD_COLOR)
    plain = cv2.imdecode(np.frombuffer(data("desk.jpg"), np.uint8), cv2.IMREAD_COLOR)
    assert drawn_on.shape == plain.shape
    assert np.abs(drawn_on.astype(int) - plain).max() > 100, "boxes are drawn"


def test_the_legacy_route_answers_the_same(base_url: str) -> None:
    body = base64.b64encode(data("ring.jpg"))
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = requests.post(f"{base_url}/{CLASSIFIER}/1", data=body, headers=headers, timeout=30)
    assert (answer.status_code, answer.json()["top"]) == (200, "ring")


def test_a_turned_photo_is_seen_as_a_viewer_shows_it(base_url: str) -> None:
    from PIL import Image

    upright = Image.open(io.BytesIO(data("scene.jpg")))
    file, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6  # EXIF orientation: turn 90 degrees clockwise to view
    upright.transpose(Image.Transpose.ROTATE_90).save(file, "JPEG", quality=95, exif=exif)
    turned = post(base_url, DETECT, DETECTOR, file.getvalue())
    assert turned.json()["image"] == {"width": upright.width, "height": upright.height}
    truth = drawn("scene.jpg")
    assert found(truth, turned.json()["predictions"]) >= 0.9 * len(truth)
    as_stored = post(base_url, DETECT, DETECTOR, file.getvalue(), disable_preproc_auto_orient=True)
    assert as_stored.json()["image"] == {"width": upright.height, "height": upright.width}


def test_a_job_is_accepted_and_ends(base_url: str) -> None:
    accepted = as_jobs(
        base_url, {"model": DETECTOR, "image": reference(data("scene.jpg")), "metadata": {"camera": "7"}}
    )
    assert accepted.status_code == 202
    job = accepted.json()
    assert accepted.headers["Location"] == f"/v1/jobs/{job['id']}"
    assert accepted.headers["Retry-After"] == "1"
    done = finished(base_url, job["id"])
    assert (done["state"], done["attempt"], done["metadata"]) == ("succeeded", 1, {"camera": "7"})
    assert done["created"] <= done["started"] <= done["finished"]
    assert done["model"]["id"] == DETECTOR
    assert len(done["model"]["digest"]) == 64
    (outcome,) = done["outputs"]
    truth = drawn("scene.jpg")
    assert found(truth, outcome["output"]["predictions"]) >= 0.9 * len(truth)
    assert set(done["timings"]) >= {"queue_ms", "decode_ms", "infer_ms", "post_ms", "total_ms"}


def test_a_job_with_prefer_wait_comes_back_finished(base_url: str) -> None:
    wanted = {"model": CLASSIFIER, "image": reference(data("star.jpg"))}
    answer = as_jobs(base_url, wanted, Prefer="wait=20")
    assert (answer.status_code, answer.json()["state"]) == (200, "succeeded")
    assert answer.json()["outputs"][0]["output"]["top"] == "star"


def test_a_job_of_several_files(base_url: str) -> None:
    files = [("image", (name, data(name), "image/jpeg")) for name in ("star.jpg", "ring.jpg")]
    form = {"job": f'{{"model": "{CLASSIFIER}"}}'}
    accepted = requests.post(f"{base_url}/v1/jobs", data=form, files=files, timeout=30)
    assert accepted.status_code == 202
    done = finished(base_url, accepted.json()["id"])
    assert [outcome["output"]["top"] for outcome in done["outputs"]] == ["star", "ring"]


def test_one_bad_image_of_a_job_fails_alone(base_url: str) -> None:
    images = [reference(image) for image in (data("star.jpg"), b"not an image", data("ring.jpg"))]
    done = finished(base_url, as_jobs(base_url, {"model": CLASSIFIER, "image": images}).json()["id"])
    good, bad, also_good = done["outputs"]
    assert (good["output"]["top"], also_good["output"]["top"]) == ("star", "ring")
    assert bad["error"]["code"] == "invalid_image"
    assert (done["state"], done["error"]) == ("succeeded", None)


def test_a_model_is_removed_from_its_workers_and_comes_back_when_it_is_asked_for(base_url: str) -> None:
    def holders() -> list[str]:
        models = requests.get(f"{base_url}/v1/fleet", timeout=10).json()["models"]
        return next(model["loaded_on"] for model in models if model["id"] == CLASSIFIER)

    def until(loaded: bool) -> None:
        import time

        deadline = time.monotonic() + 10
        while bool(holders()) != loaded:
            assert time.monotonic() < deadline, f"loaded={not loaded} after 10 s"
            time.sleep(0.1)

    def listed() -> bool:
        registry = requests.get(f"{base_url}/model/registry", timeout=10).json()["models"]
        return CLASSIFIER in [entry["model_id"] for entry in registry]

    assert requests.post(f"{base_url}/model/add", json={"model_id": CLASSIFIER}, timeout=30).status_code == 200
    until(loaded=True)
    assert listed()
    assert requests.post(f"{base_url}/model/remove", json={"model_id": CLASSIFIER}, timeout=10).status_code == 200
    until(loaded=False)
    assert not listed()
    answer = post(base_url, CLASSIFY, CLASSIFIER, data("star.jpg"))
    assert (answer.status_code, answer.headers["X-Model-Cold-Start"]) == (200, "true")
    until(loaded=True)
