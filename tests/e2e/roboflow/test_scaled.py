"""Raw HTTP against two API processes and two workers: what clients without an SDK send."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import requests

from tests.e2e.http_images import data, reference

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]
PICTURE = data("desk.jpg")
TEXT = base64.b64encode(PICTURE)
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def v0(server: str, method: str = "POST", **request: Any) -> requests.Response:
    """The legacy route; each call is a new connection, and so reaches either API process."""
    return requests.request(method, f"{server}/shapes/1", timeout=30, **request)


def found(answer: requests.Response) -> list[tuple[str, float]]:
    assert answer.status_code == 200, answer.text
    return [(box["class"], round(box["x"], 3)) for box in answer.json()["predictions"]]


def test_every_form_of_the_legacy_route(server: str) -> None:
    usual = found(v0(server, data=TEXT, headers=FORM))
    assert len(usual) > 4
    prefixed = b"data:image/jpeg;base64," + TEXT
    for request in (
        {"data": TEXT, "headers": {"Content-Type": "application/json"}},
        {"data": TEXT, "headers": FORM, "method": "GET"},
        {"data": prefixed, "headers": FORM},
        {"files": {"file": ("desk.jpg", PICTURE, "image/jpeg")}},
    ):
        assert found(v0(server, **request)) == usual


def test_percents_are_fractions_of_one(server: str) -> None:
    query = {"confidence": "70", "overlap": "50", "max_detections": "3"}
    one = v0(server, data=TEXT, headers=FORM, params=query)
    other = v0(server, data=TEXT, headers=FORM, params=query | {"confidence": "0.7", "overlap": "0.5"})
    assert found(one) == found(other)


def test_pictures_of_the_legacy_route(server: str) -> None:
    picture = v0(server, data=TEXT, headers=FORM, params={"format": "image", "labels": "True", "stroke": "4"})
    assert (picture.headers["Content-Type"], picture.content[:2]) == ("image/jpeg", b"\xff\xd8")
    both = v0(server, data=TEXT, headers=FORM, params={"format": "image_and_json"}).json()
    assert base64.b64decode(both["visualization"])[:2] == b"\xff\xd8"
    assert both["predictions"]


@pytest.mark.parametrize(
    ("request_of", "cause"),
    [
        ({"data": PICTURE, "headers": FORM}, "raw bytes"),
        ({"data": b"", "headers": FORM}, "empty"),
        ({"files": {"other": b"x"}}, "'file'"),
        ({"data": TEXT, "headers": FORM, "params": {"image_type": "numpy"}}, "Pickled"),
        ({"params": {"image": "https://127.0.0.1/x.jpg"}}, ""),
        ({"params": {"image": "file:///etc/passwd"}}, ""),
    ],
)
def test_images_that_cannot_be_had(server: str, request_of: dict[str, Any], cause: str) -> None:
    answer = v0(server, **request_of)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("Could not load input image. Cause: ")
    assert cause in answer.json()["message"]


def test_a_list_of_one_is_a_list(server: str) -> None:
    wanted = {"model_id": "tiny-boxes", "image": [reference(data("star.jpg"))], "id": "mine"}
    (answer,) = requests.post(f"{server}/infer/object_detection", json=wanted, timeout=30).json()
    assert answer["inference_id"] == "mine"


def test_all_of_a_list_share_an_id_and_a_time(server: str) -> None:
    wanted = {"model_id": "shapes-classifier", "image": [reference(data(name)) for name in ("star.jpg", "ring.jpg")]}
    answers = requests.post(f"{server}/infer/classification", json=wanted, timeout=30).json()
    assert [answer["top"] for answer in answers] == ["star", "ring"]
    assert len({(answer["inference_id"], answer["time"]) for answer in answers}) == 1
