"""Client.infer and its neighbours against a fake server."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import cv2
import msgpack
import numpy as np
import pytest
from PIL import Image
from visionfleet import Box, Classification, Client, Detections, Result, wire
from visionfleet.errors import (
    BadAnswer,
    InvalidImage,
    InvalidRequest,
    ModelNotFound,
    UnsupportedTask,
    ValidationFailed,
    VisionfleetError,
)

from tests.unit.client.answers import ANNOTATED, DETECTIONS, MODELS, MULTI, PICTURE, model
from tests.unit.client.fake_server import Answer, FakeServer


def sent(server: FakeServer, path: str = "/infer/object_detection") -> bytes:
    return base64.b64decode(server.to(path)[-1].json["image"]["value"])


def test_detection_is_sent_and_read(client: Client, server: FakeServer) -> None:
    found = client.infer(b"picture", "shapes", confidence=0.5, iou_threshold=None, hardware="cpu")
    body = server.to("/infer/object_detection")[0].json
    assert body == {
        "model_id": "shapes",
        "image": {"type": "base64", "value": base64.b64encode(b"picture").decode()},
        "confidence": 0.5,
        "hardware": "cpu",
    }
    assert isinstance(found, Detections)
    assert list(found) == [Box(50.0, 40.0, 20.0, 10.0, 0.9, "star", 3, "d1")]
    assert found.boxes[0].xyxy == (40.0, 35.0, 60.0, 45.0)
    assert (found.image.width, found.image.height) == (100, 80)
    assert found.timings == {"queue": 0.5, "infer": 3.0}


def test_images_go_as_they_are_to_a_server_that_takes_msgpack(client: Client, server: FakeServer) -> None:
    server.answer("/v1/models", Answer({**MODELS, "accepts": ["application/msgpack"]}))
    packed = msgpack.packb({**DETECTIONS, "visualization": b"\xff\xd8drawn"})
    server.answer("/infer/object_detection", Answer(packed, headers={"Content-Type": "application/msgpack"}))
    found = client.infer(b"picture", "shapes", visualize=True)
    (asked,) = server.to("/infer/object_detection")
    assert (asked.headers["Content-Type"], asked.headers["Accept"]) == (
        wire.MSGPACK,
        f"{wire.MSGPACK}, application/json;q=0.9",
    )
    assert msgpack.unpackb(asked.body)["image"] == {"type": "bytes", "value": b"picture"}
    assert (found.visualization, len(found)) == (b"\xff\xd8drawn", 1)
    client.infer("http://example.com/a.jpg", "shapes")
    assert msgpack.unpackb(server.to("/infer/object_detection")[1].body)["image"]["type"] == "url"


def test_pictures_of_workflows_go_as_they_are_too(client: Client, server: FakeServer) -> None:
    server.answer("/v1/models", Answer({**MODELS, "accepts": ["application/msgpack"]}))
    server.answer("/workflows/run", Answer({"outputs": []}))
    client.workflows.run({"version": "1.0"}, images={"image": [b"a", b"b"]}, parameters={"n": 3})
    inputs = msgpack.unpackb(server.to("/workflows/run")[0].body)["inputs"]
    assert inputs == {"image": [{"type": "bytes", "value": b"a"}, {"type": "bytes", "value": b"b"}], "n": 3}
    server.answer("/v1/models", Answer(MODELS))
    client.models.list()
    client.workflows.run({"version": "1.0"}, images={"image": b"a"})
    assert server.to("/workflows/run")[1].json["inputs"]["image"]["type"] == "base64"


def test_to_json_is_the_neutral_form(client: Client) -> None:
    body = json.loads(client.infer(b"picture", "shapes").to_json())
    assert body == {
        "task": "object-detection",
        "model": "shapes",
        "image": {"width": 100, "height": 80},
        "predictions": DETECTIONS["predictions"],
    }


def test_classification_by_the_task_of_the_model(client: Client) -> None:
    found = client.infer(b"picture", "pets")
    assert isinstance(found, Classification)
    assert (found.top, found.confidence, found.predicted) == ("cat", 0.8, ("cat",))


def test_multi_label_is_sorted(client: Client, server: FakeServer) -> None:
    server.answer("/infer/classification", Answer(MULTI))
    found = client.infer(b"picture", "pets")
    assert isinstance(found, Classification)
    assert [score.class_name for score in found.scores] == ["red", "wet"]
    assert (found.top, found.predicted) == (None, ("red",))


def test_tasks_are_looked_up_once_and_aliases_count(client: Client, server: FakeServer) -> None:
    client.infer(b"picture", "shapes")
    client.infer(b"picture", "shapes-alias")
    client.infer(b"picture", "pets")
    assert len(server.to("/v1/models")) == 1


def test_task_newer_than_the_client(client: Client, server: FakeServer) -> None:
    server.answer("/v1/models", Answer({"models": [model("depth", "smell-detection")]}))
    found = client.infer(b"picture", "depth")
    assert type(found) is Result
    assert found.raw["predictions"] == DETECTIONS["predictions"]


def test_replaced_model_of_another_task(client: Client, server: FakeServer) -> None:
    client.infer(b"picture", "shapes")
    server.answer("/v1/models", Answer({"models": [model("shapes", "classification")]}))
    refusal = {"message": "The model does classification.", "code": "unsupported_task"}
    server.answer("/infer/object_detection", Answer(refusal, 400))
    assert isinstance(client.infer(b"picture", "shapes"), Classification)


def test_unsupported_task_that_stays_is_raised(client: Client, server: FakeServer) -> None:
    refusal = {"message": "The model does something else.", "code": "unsupported_task"}
    server.answer("/infer/object_detection", Answer(refusal, 400))
    with pytest.raises(UnsupportedTask):
        client.infer(b"picture", "shapes")


def test_visualisation(client: Client, server: FakeServer, tmp_path: Path) -> None:
    server.answer("/infer/object_detection", Answer(ANNOTATED))
    found = client.infer(b"picture", "shapes", visualize=True, auto_orient=False)
    body = server.to("/infer/object_detection")[0].json
    assert body["visualize_predictions"] is True
    assert body["visualization_labels"] is True
    assert body["disable_preproc_auto_orient"] is True
    assert found.save(tmp_path / "a.jpg").read_bytes() == PICTURE
    assert "visualization" not in found.to_dict()


def test_save_without_a_picture(client: Client, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="visualize=True"):
        client.infer(b"picture", "shapes").save(tmp_path / "a.jpg")


def test_path_url_and_bytes(client: Client, server: FakeServer, tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    file.write_bytes(b"from a file")
    client.infer(file, "shapes")
    assert sent(server) == b"from a file"
    client.infer(str(file), "shapes")
    assert sent(server) == b"from a file"
    client.infer("https://example.org/a.jpg", "shapes")
    assert server.asked[-1].json["image"] == {"type": "url", "value": "https://example.org/a.jpg"}


def test_array_is_bgr(client: Client, server: FakeServer) -> None:
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:, :, 0] = 255  # blue
    client.infer(pixels, "shapes")
    decoded = np.asarray(Image.open(io.BytesIO(sent(server))))
    assert decoded.shape == (40, 60, 3)
    assert decoded[20, 30, 2] > 240
    assert decoded[20, 30, 0] < 16


def test_array_without_opencv(client: Client, server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "cv2", None)
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:, :, 2] = 255  # red
    client.infer(pixels, "shapes")
    decoded = cv2.imdecode(np.frombuffer(sent(server), np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    assert decoded[20, 30, 2] > 240


def test_pil_with_alpha(client: Client, server: FakeServer) -> None:
    client.infer(Image.new("RGBA", (30, 20), (255, 0, 0, 255)), "shapes")
    assert Image.open(io.BytesIO(sent(server))).size == (30, 20)


@pytest.mark.parametrize("image", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), "no/such/file.jpg", 7, "a\0b"])
def test_what_is_no_image(client: Client, server: FakeServer, image: object) -> None:
    with pytest.raises(InvalidImage):
        client.infer(image, "shapes")
    assert not server.to("/infer/object_detection")


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (404, {"message": "There is no model 'x'.", "code": "model_not_found"}, ModelNotFound, "no model 'x'"),
        (
            422,
            {"detail": [{"type": "t", "loc": ["body", "confidence"], "msg": "too big"}], "code": "validation_failed"},
            ValidationFailed,
            "body.confidence: too big",
        ),
        (500, {"message": "Oh.", "code": "brand_new"}, VisionfleetError, "Oh."),
        (500, b"<html>", VisionfleetError, "answered 500"),
        (400, {"type": "t", "detail": "Bad.", "code": "invalid_request"}, InvalidRequest, "Bad."),
    ],
)
def test_errors(
    client: Client, server: FakeServer, status: int, body: object, kind: type[VisionfleetError], words: str
) -> None:
    server.answer("/infer/object_detection", Answer(body, status))
    with pytest.raises(kind, match=words) as caught:
        client.infer(b"picture", "shapes")
    assert caught.value.status == status
    assert not caught.value.retryable
    assert len(server.to("/infer/object_detection")) == 1
    if isinstance(body, dict):
        assert caught.value.code == body["code"]


@pytest.mark.parametrize("body", [b"<html>", [], {"predictions": []}, {"image": {"width": 1, "height": 1}}])
def test_strange_answers(client: Client, server: FakeServer, body: object) -> None:
    server.answer("/infer/object_detection", Answer(body))
    with pytest.raises(BadAnswer):
        client.infer(b"picture", "shapes")


@pytest.mark.parametrize("url", ["localhost:9001", "ftp://host", "http://", "http://[::1"])
def test_bad_urls(url: str) -> None:
    with pytest.raises(InvalidRequest, match="no URL of a server"):
        Client(url)


def test_fleet_and_models(client: Client) -> None:
    fleet = client.fleet()
    assert [worker.id for worker in fleet.workers] == ["w1"]
    assert fleet.queues[0].waiting == 3
    assert [m.id for m in client.models.list()] == ["shapes", "pets"]


def test_url_from_the_environment(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISIONFLEET_URL", server.url)
    with Client() as client:
        assert client.models.list()


def test_port_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISIONFLEET_PORT", "9007")
    with Client() as client:
        assert client.url == "http://127.0.0.1:9007"
    monkeypatch.setenv("VISIONFLEET_PORT", "many")
    with pytest.raises(InvalidRequest, match="VISIONFLEET_PORT"):
        Client()


def test_headers_are_sent(server: FakeServer) -> None:
    with Client(server.url, headers={"Authorization": "Bearer t"}) as client:
        client.models.list()
    assert server.asked[0].headers["Authorization"] == "Bearer t"
