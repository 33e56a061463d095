"""What a client may get wrong, and the answer to each; the system serves on, and the others in a batch are unharmed."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import struct
import sys
import threading
import zlib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.e2e.http_images import CLASSIFIER, CLASSIFY, DETECT, DETECTOR, data, post, reference
from tests.unit.shared.bombs import corpus

pytestmark = pytest.mark.e2e


def png_header(width: int, height: int) -> bytes:
    """A PNG that declares a size and holds next to nothing."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


STAR = data("star.jpg")
BAD_IMAGES = {
    "not an image": (b"just some text, not an image at all", 400, "invalid_image"),
    "truncated JPEG": (STAR[: len(STAR) // 2], 400, "invalid_image"),
    "a JPEG's first bytes": (STAR[:20], 400, "invalid_image"),
    "truncated PNG": (data("small.png")[:4000], 400, "invalid_image"),
    "empty": (b"", 400, "invalid_image"),
    "50 000 x 50 000 PNG": (png_header(50_000, 50_000), 413, "image_too_large"),
    "HTML": (b"<html><body>404</body></html>", 400, "invalid_image"),
    "zeros": (bytes(10_000), 400, "invalid_image"),
    "an SVG": (b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', 400, "invalid_image"),
}


def serves(base_url: str) -> bool:
    """Whether a good picture is still answered well."""
    answer = post(base_url, CLASSIFY, CLASSIFIER, STAR)
    return answer.status_code == 200 and answer.json()["top"] == "star"


ROOM_MB = 400


def the_worker(base_url: str) -> tuple[str, int, int]:
    """Id, process and peak memory in MB of the only worker."""
    (worker,) = requests.get(f"{base_url}/v1/fleet", timeout=30).json()["workers"]
    status = Path(f"/proc/{worker['pid']}/status").read_text()
    return worker["id"], worker["pid"], int(status.split("VmHWM:")[1].split()[0]) // 1024


@pytest.mark.timeout(240)
@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read as Linux tells it")
def test_a_worker_survives_bombs_and_their_jobs_fail(base_url: str) -> None:
    assert serves(base_url)
    name, pid, peak = the_worker(base_url)
    for bomb, content in corpus():
        body = {"model": CLASSIFIER, "image": reference(content)}
        job = requests.post(f"{base_url}/v1/jobs", json=body, headers={"Prefer": "wait=50"}, timeout=90).json()
        if bomb in BIG_ONLY_IN_PARTS:
            assert job["state"] == "succeeded", (bomb, job)
        else:
            found = (job["state"], job["error"]["code"])
            assert found in {("failed", "invalid_image"), ("failed", "image_too_large")}, (bomb, job)
    assert serves(base_url)
    assert the_worker(base_url)[:2] == (name, pid)
    assert the_worker(base_url)[2] - peak < ROOM_MB


BIG_ONLY_IN_PARTS = {"png-more-rows-than-it-says", "png-many-chunks", "tiff-frames"}
"""What is decoded of them is what their heads say, and small."""


@pytest.mark.parametrize(("image", "status", "code"), BAD_IMAGES.values(), ids=BAD_IMAGES)
def test_bad_images(base_url: str, image: bytes, status: int, code: str) -> None:
    typed = post(base_url, CLASSIFY, CLASSIFIER, image)
    assert (typed.status_code, typed.json()["code"]) == (status, code)
    assert "Traceback" not in typed.text
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    legacy = requests.post(f"{base_url}/{CLASSIFIER}/1", data=base64.b64encode(image), headers=headers, timeout=30)
    assert (legacy.status_code, legacy.json()["code"]) == (status, code)
    assert serves(base_url)


@pytest.mark.parametrize("name", [name for name in BAD_IMAGES if name != "empty"])
def test_bad_images_do_not_harm_their_batch(base_url: str, name: str) -> None:
    """Requests that run at the same time share batches; each gets its own answer."""
    image, status, _ = BAD_IMAGES[name]
    statuses: list[int] = []

    def send(payload: bytes) -> None:
        statuses.append(post(base_url, CLASSIFY, CLASSIFIER, payload).status_code)

    threads = [threading.Thread(target=send, args=[image if number == 3 else STAR]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] * 7 + [status]


def test_a_list_with_a_bad_image_says_which(base_url: str) -> None:
    answer = post(base_url, CLASSIFY, CLASSIFIER, [STAR, b"no image", STAR])
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_image")
    assert "image 1" in answer.json()["message"]


@pytest.mark.parametrize(
    "model",
    ["../../etc/passwd", "..", "a/../b", "a..b", "/etc/passwd", "a/b/c", "", "a\\b", "a b", "%2e%2e", "x" * 300],
)
def test_model_ids_that_are_paths_are_refused(base_url: str, model: str) -> None:
    typed = post(base_url, DETECT, model, STAR)
    assert (typed.status_code, typed.json()["code"]) == (400, "invalid_model_id")
    wanted = {"model": model, "image": reference(STAR), "allow_pending": True}
    job = requests.post(f"{base_url}/v1/jobs", json=wanted, timeout=10)
    assert (job.status_code, job.json()["code"]) == (400, "invalid_model_id")
    added = requests.post(f"{base_url}/model/add", json={"model_id": model}, timeout=10)
    assert (added.status_code, added.json()["code"]) == (400, "invalid_model_id")


def test_a_path_that_climbs_is_no_model(base_url: str) -> None:
    status, body = raw(base_url, b"POST /..%2f..%2fetc/passwd HTTP/1.1\r\nContent-Length: 0\r\nContent-Type: x/y\r\n")
    assert (status, body["code"]) == (400, "invalid_model_id")
    status, body = raw(base_url, b"GET /web/../../pyproject.toml HTTP/1.1\r\n")
    assert status in (400, 404)


def raw(base_url: str, head: bytes, body: bytes = b"") -> tuple[int, dict[str, Any]]:
    """Send bytes as they are; the status and the JSON of the answer."""
    address = urlsplit(base_url)
    with socket.create_connection((address.hostname, address.port or 0), timeout=10) as connection:
        connection.sendall(head + b"Host: localhost\r\nConnection: close\r\n\r\n" + body)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return answer.status, json.loads(answer.read() or b"{}")


def test_a_body_over_the_limit_is_refused_before_it_is_sent(base_url: str) -> None:
    head = b"POST %s HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 40000000\r\n" % DETECT.encode()
    status, body = raw(base_url, head)
    assert (status, body["code"]) == (413, "too_large")
    assert serves(base_url)


def test_a_body_of_unsaid_length_is_refused_where_it_passes_the_limit(base_url: str) -> None:
    def chunks() -> Any:
        for _ in range(40):
            yield bytes(2**20)

    try:
        answer = requests.post(f"{base_url}{DETECT}", data=chunks(), timeout=30)
    except requests.ConnectionError:
        pass  # the server closed while we were still sending, which is its right
    else:
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert serves(base_url)


def test_more_images_than_allowed(base_url: str) -> None:
    answer = post(base_url, CLASSIFY, CLASSIFIER, [STAR] * 33)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "invalid_request"),
        (b"{", 422, "validation_failed"),
        (b"[1, 2]", 422, "validation_failed"),
        (b'"text"', 422, "validation_failed"),
        (b"\xff\xfe", 422, "validation_failed"),
        (b"[" * 100_000, 422, "validation_failed"),
        (b"{}", 422, "validation_failed"),
    ],
)
def test_bodies_that_are_no_request(base_url: str, body: bytes, status: int, code: str) -> None:
    for path in (DETECT, "/v1/jobs", "/model/add"):
        answer = requests.post(f"{base_url}{path}", data=body, timeout=10)
        assert (answer.status_code, answer.json()["code"]) == (status, code), path


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"model_id": 7}, ["body", "model_id"]),
        ({"model_id": None}, ["body", "model_id"]),
        ({"image": "text"}, ["body", "image"]),
        ({"image": []}, ["body", "image"]),
        ({"image": {"value": "x"}}, ["body", "image"]),
        ({"confidence": "high"}, ["body", "confidence"]),
        ({"confidence": 1.5}, ["body", "confidence"]),
        ({"iou_threshold": -0.1}, ["body", "iou_threshold"]),
        ({"max_detections": 0}, ["body", "max_detections"]),
        ({"max_detections": 1e99}, ["body", "max_detections"]),
        ({"class_filter": {"a": 1}}, ["body", "class_filter"]),
        ({"hardware": "../gpu"}, ["body", "hardware"]),
    ],
)
def test_wrong_types_and_ranges_name_the_field(base_url: str, wrong: dict[str, Any], where: list[str]) -> None:
    wanted = {"model_id": DETECTOR, "image": reference(STAR), **wrong}
    answer = requests.post(f"{base_url}{DETECT}", json=wanted, timeout=10)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert where in [issue["loc"][:2] for issue in answer.json()["detail"]]


def test_a_jobs_own_parameters_are_checked_by_its_model(base_url: str) -> None:
    wanted = {"model": DETECTOR, "image": reference(STAR), "params": {"confidence": "high"}}
    job = requests.post(f"{base_url}/v1/jobs", json=wanted, headers={"Prefer": "wait=20"}, timeout=30).json()
    assert (job["state"], job["error"]["code"]) == ("failed", "invalid_request")
    assert "confidence" in job["error"]["message"]


def test_unknown_fields_are_ignored_as_roboflow_clients_expect(base_url: str) -> None:
    answer = post(base_url, CLASSIFY, CLASSIFIER, STAR, use_cache=True, nonsense={"a": [1]}, api_key=None)
    assert (answer.status_code, answer.json()["top"]) == (200, "star")


@pytest.mark.parametrize("kind", ["numpy", "file", "numpy_object", "pil", "multipart", "anything"])
def test_image_types_that_are_not_served(base_url: str, kind: str) -> None:
    wanted = {"model_id": CLASSIFIER, "image": {"type": kind, "value": "/etc/passwd"}}
    answer = requests.post(f"{base_url}{CLASSIFY}", json=wanted, timeout=10)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_image")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/x.jpg", "https://localhost/x.jpg", "https://169.254.169.254/latest", "file:///etc/passwd"]
)
def test_image_urls_that_lead_inside_are_refused(base_url: str, url: str) -> None:
    wanted = {"model_id": CLASSIFIER, "image": {"type": "url", "value": url}}
    answer = requests.post(f"{base_url}{CLASSIFY}", json=wanted, timeout=20)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_image")


@pytest.mark.parametrize(
    ("path", "model", "status", "code"),
    [
        (DETECT, "no-such-model", 404, "model_not_found"),
        (DETECT, CLASSIFIER, 400, "unsupported_task"),
        (CLASSIFY, DETECTOR, 400, "unsupported_task"),
    ],
)
def test_the_wrong_model(base_url: str, path: str, model: str, status: int, code: str) -> None:
    answer = post(base_url, path, model, STAR)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_hardware_that_nobody_has_is_refused_at_once(base_url: str) -> None:
    answer = post(base_url, CLASSIFY, CLASSIFIER, STAR, hardware="gpu")
    assert (answer.status_code, answer.json()["code"]) == (503, "no_worker_for_hardware")
    assert answer.headers["Retry-After"]


@pytest.mark.parametrize("job_id", ["unknown", "0" * 32, "..", "a%2Fb", "x" * 200])
def test_jobs_that_do_not_exist(base_url: str, job_id: str) -> None:
    answer = requests.get(f"{base_url}/v1/jobs/{job_id}", timeout=10)
    assert (answer.status_code, answer.json()["code"]) in [(404, "job_not_found"), (404, "not_found")]


def test_methods_and_paths_that_do_not_exist(base_url: str) -> None:
    wrong = requests.get(f"{base_url}{DETECT}", timeout=10)
    assert wrong.status_code in (404, 405)
    nowhere = requests.post(f"{base_url}/v1/nothing/here/at/all", timeout=10)
    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "not_found")
    assert nowhere.headers["Content-Type"].startswith("application/problem+json")
