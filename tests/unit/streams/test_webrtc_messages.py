"""The wire of a WebRTC session: chunks, outputs, uploads."""

from __future__ import annotations

import base64
import gzip
import json
import struct
from typing import Any

import cv2
import numpy as np
import pytest

from shared.errors import InvalidRequest, TooLarge
from stream_service.processor import Outcome
from stream_service.webrtc.messages import CHUNK_BYTES, about, chunks, message
from stream_service.webrtc.outputs import data_of, outputs_of, picture_of
from stream_service.webrtc.upload import Upload
from tests.streams.results import answer, box, result


def picture(value: int) -> dict[str, Any]:
    _, data = cv2.imencode(".png", np.full((4, 6, 3), value, np.uint8))
    return {"type": "base64", "value": base64.b64encode(data.tobytes()).decode()}


def test_a_message_is_cut_into_chunks_that_say_where_they_belong() -> None:
    payload = np.random.default_rng(1).bytes(3 * CHUNK_BYTES)
    made = list(chunks(7, payload))
    heads = [struct.unpack("<III", chunk[:12]) for chunk in made]
    assert heads == [(7, index, len(made)) for index in range(len(made))]
    assert gzip.decompress(b"".join(chunk[12:] for chunk in made)) == payload
    assert [chunk[12:] for chunk in chunks(1, b"{}")] == [b"{}"]


def test_a_message_has_what_the_sdk_reads() -> None:
    body = json.loads(message({"n": 1}, about(result(3).frame, 9000, 30.0, 28.123), ["boom"]))
    assert body["serialized_output_data"] == {"n": 1}
    assert body["errors"] == ["boom"]
    assert body["video_metadata"]["frame_id"] == 3
    assert body["video_metadata"]["pts"] == 9000
    assert body["video_metadata"]["received_at"].startswith("2027-01-15T08:00:00.3")


def test_outputs_are_chosen_by_name_or_all_but_pictures() -> None:
    outputs = {"n": 1, "image": picture(9)}
    assert data_of(outputs, None) is None
    assert data_of(outputs, []) is None
    assert data_of(outputs, ["*"]) == {"n": 1}
    assert data_of(outputs, ["image", "absent"]) == {"image": outputs["image"]}


def test_the_video_shows_the_output_asked_for_else_the_first_picture_else_the_frame() -> None:
    frame = result(1).frame
    outputs = {"a": picture(50), "b": picture(200), "broken": {"type": "base64", "value": "%%%"}}
    assert int(picture_of(outputs, ["b"], frame)[0, 0, 0]) == 200
    assert int(picture_of(outputs, None, frame)[0, 0, 0]) == 50
    assert picture_of(outputs, ["broken"], frame).shape == (180, 320, 3)
    assert np.array_equal(picture_of({}, ["image"], frame), frame.picture.bgr())


def test_a_models_answer_is_drawn_when_no_output_was_named() -> None:
    outputs = outputs_of(Outcome(predictions=answer(box())))
    frame = result(1).frame
    assert not np.array_equal(picture_of(outputs, None, frame), frame.picture.bgr())


def test_an_upload_is_the_file_in_its_order() -> None:
    upload = Upload(100)
    upload.take(struct.pack("<II", 0, 2) + b"ab")
    assert not upload.complete
    upload.take(struct.pack("<II", 1, 2) + b"cd")
    assert upload.complete
    assert upload.path.read_bytes() == b"abcd"
    upload.close()
    assert not upload.path.exists()


@pytest.mark.parametrize("head", [(1, 2), (0, 0)])
def test_chunks_out_of_order_are_refused(head: tuple[int, int]) -> None:
    upload = Upload(100)
    with pytest.raises(InvalidRequest):
        upload.take(struct.pack("<II", *head) + b"ab")
    upload.close()


def test_an_upload_over_the_limit_is_refused() -> None:
    upload = Upload(3)
    with pytest.raises(TooLarge):
        upload.take(struct.pack("<II", 0, 2) + b"abcd")
    upload.close()
