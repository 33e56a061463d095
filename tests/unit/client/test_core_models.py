"""Depth and embeddings by our own client."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from visionfleet import Client, Prompt, wire
from visionfleet.errors import BadAnswer
from visionfleet.results import DepthMap, parse

from tests.unit.client.fake_server import Answer, FakeServer


def test_embeddings(client: Client, server: FakeServer) -> None:
    server.answer("/clip/embed_image", Answer({"embeddings": [[0.5, 1.0]]}))
    server.answer("/clip/embed_text", Answer({"embeddings": [[1.0, 0.0], [0.0, 1.0]]}))
    assert client.embed_images([b"picture"]) == [[0.5, 1.0]]
    assert client.embed_texts(["a", "b"], model="clip/other") == [[1.0, 0.0], [0.0, 1.0]]
    (asked,) = server.to("/clip/embed_text")
    assert asked.json == {"model_id": "clip/other", "text": ["a", "b"]}
    with pytest.raises(BadAnswer):
        client.embed_texts(["a"])


def test_compare(client: Client, server: FakeServer) -> None:
    server.answer("/clip/compare", Answer({"similarity": [0.3, 0.1]}))
    assert client.compare(b"picture", ["a cat", "a dog"]) == {"a cat": 0.3, "a dog": 0.1}
    (asked,) = server.to("/clip/compare")
    assert asked.json["subject"] == {"type": "base64", "value": base64.b64encode(b"picture").decode()}


def test_depth_as_numbers() -> None:
    found = parse(
        "depth-estimation", "m", {"normalized_depth": [[0.0, 1.0]], "depth_map_format": "json", "image": "aGk="}
    )
    assert isinstance(found, DepthMap)
    assert ((found.image.width, found.image.height), found.visualization) == ((2, 1), b"hi")
    assert found.nearness().tolist() == [[0, 1]]
    assert found.rows() == [{"width": 2, "height": 1, "mean": 0.5}]


def test_depth_as_a_picture() -> None:
    cv2 = pytest.importorskip("cv2")
    data = bytes(cv2.imencode(".png", np.array([[0, 65535, 32768]], np.uint16))[1])
    body = {"normalized_depth": base64.b64encode(data).decode(), "depth_map_format": "png16"}
    found = parse("depth-estimation", "m", {**body, "image": {"width": 3, "height": 1}})
    assert isinstance(found, DepthMap)
    assert found.nearness()[0].tolist() == pytest.approx([0, 1, 0.5], abs=1e-4)


@pytest.mark.parametrize("wrong", [{}, {"normalized_depth": "no base64"}, {"normalized_depth": []}])
def test_no_depth(wrong: dict[str, object]) -> None:
    with pytest.raises(BadAnswer):
        parse("depth-estimation", "m", {**wrong, "image": "aGk="})


def test_segment(client: Client, server: FakeServer) -> None:
    ring = [[1, 2], [1, 9], [9, 9]]
    rows = [
        {"masks": [ring], "confidence": 0.5, "format": "polygon"},
        {"masks": [], "confidence": 0, "format": "polygon"},
    ]
    server.answer("/sam2/segment_image", Answer({"predictions": rows, "time": 0.1}))
    found = client.segment(b"picture", [Prompt(on=[(3, 4)], off=[(1, 1)]), Prompt(box=(0, 0, 4, 2))], image_id="a")
    assert (found[0].polygons, found[0].confidence) == ((((1, 2), (1, 9), (9, 9)),), 0.5)
    (asked,) = server.to("/sam2/segment_image")
    first, second = asked.json["prompts"]["prompts"]
    assert first["points"] == [{"x": 3, "y": 4, "positive": True}, {"x": 1, "y": 1, "positive": False}]
    assert second["box"] == {"x": 2, "y": 1, "width": 4, "height": 2}
    with pytest.raises(BadAnswer):
        client.segment(b"picture", [])


def test_words_go_to_the_route_of_detectors_that_read_them() -> None:
    call = wire.infer_call(
        "open-vocabulary-detection", "m", b"picture", {"prompt": "a dog, a cat ,", "confidence": 0.2}
    )
    assert (call.path, call.json["text"], call.json["confidence"]) == ("/yolo_world/infer", ["a dog", "a cat"], 0.2)
    baked = wire.infer_call("object-detection", "m", b"picture", {"texts": ["a dog"]})
    assert (baked.path, baked.json["text"]) == ("/yolo_world/infer", ["a dog"])
    assert wire.infer_call("object-detection", "m", b"picture", {}).path == "/infer/object_detection"
