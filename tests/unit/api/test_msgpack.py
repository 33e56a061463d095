"""msgpack on the synchronous routes: images as they are, and bodies that mean harm."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import msgpack
import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from api_service import packed
from api_service.errors import ValidationFailed
from api_service.reply import prefers_msgpack
from shared.errors import TooLarge
from tests.unit.api.conftest import JPEG
from tests.unit.api.fakes import DETECTION, MemoryKeys, MemoryQueue

URL = "/infer/object_detection"
MEDIA = {"Content-Type": "application/msgpack"}
BYTES = {"type": "bytes", "value": JPEG}


async def post(client: TestClient, body: Any, url: str = URL, **headers: str) -> ClientResponse:
    sent = body if isinstance(body, bytes) else msgpack.packb(body)
    return await client.post(url, data=sent, headers={**MEDIA, **headers})


async def test_an_image_as_it_is(client: TestClient, queue: MemoryQueue) -> None:
    answer = await post(client, {"model_id": "shapes-detector", "image": BYTES, "confidence": 0.25, "api_key": None})
    assert (answer.status, answer.content_type, answer.headers["Vary"]) == (200, "application/json", "Accept")
    assert (await answer.json())["predictions"] == [DETECTION]
    assert (queue.seen[0].inputs, queue.seen[0].params) == ([JPEG], {"confidence": 0.25})


async def test_every_form_of_image(client: TestClient, queue: MemoryQueue, jpeg: dict) -> None:
    answer = await post(client, {"model_id": "shapes-detector", "image": [BYTES, JPEG, jpeg]})
    assert len(await answer.json()) == 3
    assert [job.inputs for job in queue.seen] == [[JPEG]] * 3


async def test_the_answer_in_msgpack_has_the_picture_as_it_is(client: TestClient, jpeg: dict) -> None:
    wanted = {"model_id": "shapes-detector", "image": jpeg, "visualize_predictions": True}
    answer = await client.post(URL, json=wanted, headers={"Accept": "application/msgpack, application/json;q=0.9"})
    assert answer.content_type == "application/msgpack"
    body = msgpack.unpackb(await answer.read())
    assert (body["visualization"], body["predictions"]) == (b"\xff\xd8drawn", [DETECTION])


@pytest.mark.parametrize(
    ("accept", "packs"),
    [
        ("", False),
        ("*/*", False),
        ("application/msgpack", True),
        ("APPLICATION/X-MSGPACK; q=0.5, */*;q=0.1", True),
        ("application/json, application/msgpack;q=0.5", False),
        ("application/json;q=0.5, application/msgpack;q=0.5", True),
        ("application/msgpack;q=0", False),
        ("application/msgpack;q=many", False),
    ],
)
def test_what_an_accept_header_prefers(accept: str, packs: bool) -> None:
    assert prefers_msgpack(accept) is packs


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "invalid_request"),
        (b"\xc1", 422, "validation_failed"),
        (b"\x80rest", 422, "validation_failed"),
        ([1], 422, "validation_failed"),
        ({}, 422, "validation_failed"),
        ({"model_id": "shapes-detector", "image": 7}, 422, "validation_failed"),
        ({"model_id": "shapes-detector", "image": []}, 422, "validation_failed"),
        ({"model_id": "shapes-detector", "image": BYTES, "confidence": float("nan")}, 422, "validation_failed"),
        ({"model_id": "shapes-detector", "image": BYTES, "confidence": 7}, 422, "validation_failed"),
        ({"model_id": "shapes-detector", "image": {"type": "bytes", "value": b""}}, 400, "invalid_image"),
        ({"model_id": "shapes-detector", "image": {"type": "url", "value": JPEG}}, 400, "invalid_image"),
        ({"model_id": "shapes-detector", "image": {"type": "bytes", "value": "text"}}, 400, "invalid_image"),
        ({"model_id": "shapes-detector", "image": {"type": "numpy", "value": JPEG}}, 400, "invalid_image"),
        ({"model_id": "shapes-detector", "image": [BYTES] * 5}, 413, "too_large"),
        ({"model_id": "shapes-detector", "image": {"type": "bytes", "value": bytes(65 * 1024)}}, 413, "too_large"),
        ({"model_id": "shapes-detector", "image": BYTES, "x": list(range(20_001))}, 413, "too_large"),
    ],
)
async def test_what_is_wrong_is_said_as_of_json(
    client: TestClient, queue: MemoryQueue, body: Any, status: int, code: str
) -> None:
    answer = await post(client, body, Accept="application/msgpack")
    assert (answer.status, answer.content_type) == (status, "application/json")  # errors are JSON for everybody
    assert (await answer.json())["code"] == code
    assert not queue.seen


async def test_bytes_are_for_msgpack_only(client: TestClient) -> None:
    answer = await client.post(URL, json={"model_id": "shapes-detector", "image": {"type": "bytes", "value": "aGk="}})
    assert (answer.status, (await answer.json())["code"]) == (400, "invalid_image")
    assert "msgpack" in (await answer.json())["message"]


async def test_json_that_says_it_is_msgpack(client: TestClient, jpeg: dict) -> None:
    answer = await post(client, json.dumps({"model_id": "shapes-detector", "image": jpeg}).encode())
    assert (answer.status, (await answer.json())["code"]) == (422, "validation_failed")


async def test_the_server_says_that_it_takes_msgpack(client: TestClient) -> None:
    body = await (await client.get("/v1/models")).json()
    assert body["accepts"] == ["application/msgpack"]


async def test_a_key_in_the_body(client: TestClient, keys: MemoryKeys) -> None:
    token = keys.make("infer")
    body = {"model_id": "shapes-detector", "image": BYTES}
    for wrong in ({}, {"api_key": None}, {"api_key": "wrong"}, {"api_key": 7}, {"api_key": b"\xff" * 40}):
        assert (await post(client, body | wrong)).status == 401
    harmless = {"image": {"type": "bytes", "value": JPEG + b"\xa7api_key\xa4None"}}
    for right in ({"api_key": token}, {**harmless, "api_key": token}):
        assert (await post(client, body | right)).status == 200


# ------------------------------------------------------------------------------------ bodies that mean harm


@pytest.mark.parametrize(
    "body",
    [
        b"\xdd\xff\xff\xff\xff",  # a list of four thousand million
        b"\xdf\xff\xff\xff\xff",  # a map of as many
        b"\xdd\x01\xff\xff\xff" * 1000,  # each of which a decoder would make room for
        b"\xdc\xff\xff" * 1000,
    ],
)
def test_what_is_announced_is_not_believed(body: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            packed.unpack(body, 20_000)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "breaks off"),
        (b"\xdc", "breaks off"),
        (b"\xa5abc", "breaks off"),
        (b"\xc6\xff\xff\xff\xffabc", "breaks off"),
        (b"\x92\x01", "breaks off"),
        (b"\xcf\x01", "breaks off"),
        (b"\x01\x02", "behind its end"),
        (b"\x91" * 5000 + b"\x01", "deeper"),
        (b"\x81\xa1k" * 300 + b"\x01", "deeper"),
        (msgpack.packb(msgpack.ExtType(5, b"x")), "extension"),
        (msgpack.packb(msgpack.Timestamp(1, 2)), "extension"),
        (b"\xc7\xff\x01" + bytes(255), "extension"),
        (b"\xc1", "extension"),
        (b"\xa2\xff\xfe", "UTF-8"),
        (b"\x81\x01\x01", "keys"),
    ],
)
def test_what_cannot_be_read(body: bytes, reason: str) -> None:
    with pytest.raises(ValidationFailed, match=reason):
        packed.unpack(body, 20_000)


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(), inner, max_size=20),
)


@given(plain)
@settings(max_examples=200)
def test_what_is_well_formed_is_read(value: Any) -> None:
    assert packed.unpack(msgpack.packb(value), 20_000) == value


@given(st.binary(max_size=200))
@settings(max_examples=500)
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        value = packed.unpack(body, 100)
    except (ValidationFailed, TooLarge):
        return
    assert value == msgpack.unpackb(body)


def test_long_values_are_read() -> None:
    value = {"a" * 40: b"x" * 300, "b" * 300: "y" * 70_000, "c": [1] * 400, "d": bytes(70_000)}
    value["e"] = {str(number): number for number in range(99)}
    assert packed.unpack(msgpack.packb(value), 20_000) == value
