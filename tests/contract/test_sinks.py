"""What every kind of sink must do, whatever it is."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from shared.errors import InvalidRequest, SinkUnavailable, VisionfleetError
from stream_service.sink import checked
from tests.streams.results import KINDS, SinkSpec, answer, box, context, result, sink, written

NEEDED: dict[str, dict[str, Any]] = {
    "dataset": {"sampling_strategies": [{"name": "all", "type": "random", "traffic_percentage": 1.0}]},
    "udp": {"host": "127.0.0.1", "port": 9},
    "mqtt": {"host": "127.0.0.1", "port": 9},
    "webhook": {"url": "https://receiver.example/hook", "when": "found"},
}
NAMES = KINDS.names()


@pytest.fixture(autouse=True)
def redis_for_webhooks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if {"webhook", "dataset"} & set(request.node.name.replace("[", " ").replace("]", " ").split()):
        monkeypatch.setenv("VISIONFLEET_REDIS_URL", request.getfixturevalue("redis_url"))


def files_under(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_every_file_of_the_folder_is_a_sink() -> None:
    assert KINDS.unavailable == {}
    assert {
        "buffer",
        "csv",
        "dataset",
        "feed",
        "images",
        "jsonl",
        "mqtt",
        "preview",
        "record",
        "udp",
        "video",
        "webhook",
    } <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_unknown_options_are_refused_by_name(name: str) -> None:
    with pytest.raises(InvalidRequest, match="nonsense"):
        checked(SinkSpec.model_validate({"type": name, **NEEDED.get(name, {}), "nonsense": 1}), KINDS)


@pytest.mark.parametrize("name", NAMES)
def test_every_option_says_what_it_does(name: str) -> None:
    for option, field in KINDS.get(name).Options.model_fields.items():
        assert field.description or option in {"port", "host", "username", "password"}, option


@pytest.mark.parametrize("name", NAMES)
async def test_it_may_be_closed_at_once_twice_and_unopened(name: str, tmp_path: Path) -> None:
    made = sink(name, context(tmp_path), **NEEDED.get(name, {}))
    await made.close()
    await made.open()
    await made.close()
    await made.close()


@pytest.mark.parametrize("name", NAMES)
async def test_it_takes_found_empty_and_failed_frames(name: str, tmp_path: Path) -> None:
    made = sink(name, context(tmp_path), **NEEDED.get(name, {}))
    results = (
        result(1),
        result(2, answer()),
        result(3, {}),
        result(4, cause="expired", predictions=None),
        result(5, cause="model_failed", predictions=None, error={"code": "inference_failed", "message": "."}),
        result(6, outputs={"count": 1}, predictions=None),
        result(7, source="another"),
    )
    await made.open()
    try:
        for one in results:
            with contextlib.suppress(SinkUnavailable if name == "mqtt" else ()):  # no broker is there
                await made.write(one)
    finally:
        await made.close()


@pytest.mark.parametrize("name", ["csv", "dataset", "images", "jsonl", "video"])
async def test_files_stay_in_the_streams_folder(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "stream"
    where = context(folder, name="../../out")
    results = (result(1, source="../../../etc/passwd"), result(2, source="a/b\\c"))
    await written(sink(name, where, **NEEDED.get(name, {})), *results)
    files = files_under(tmp_path)
    assert files
    assert [path for path in files if folder not in path.parents] == []


@pytest.mark.parametrize("name", ["csv", "dataset", "images", "jsonl", "video"])
async def test_a_full_disk_is_an_error_that_says_what_to_do(name: str, tmp_path: Path) -> None:
    where = context(tmp_path)
    object.__setattr__(where, "settings", where.settings.model_copy(update={"stream_min_free_mb": 10**9}))
    with pytest.raises(VisionfleetError, match="VISIONFLEET_STREAM_MIN_FREE_MB"):
        await written(sink(name, where, **NEEDED.get(name, {})), result(1))


@pytest.mark.parametrize("name", ["udp", "mqtt"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "0.0.0.0", "169.254.169.254", "::ffff:127.0.0.1"])
async def test_hosts_that_are_denied_are_refused(name: str, host: str, tmp_path: Path) -> None:
    where = context(tmp_path)
    object.__setattr__(where, "settings", where.settings.model_copy(update={"stream_allow_loopback": False}))
    with pytest.raises(InvalidRequest, match="VISIONFLEET_STREAM_"):
        await written(sink(name, where, host=host, port=1234), result(1))


async def test_a_datagram_has_the_form_of_roboflows_udp_sink(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        made = sink("udp", context(tmp_path), host="127.0.0.1", port=receiver.getsockname()[1])
        await written(made, result(3))
        body = json.loads(await asyncio.to_thread(receiver.recv, 65_536))
    assert body["predictions"][0]["class"] == "circle"
    assert body["inference_metadata"]["source_id"] == "door"
    assert body["inference_metadata"]["frame_id"] == 3
    assert body["inference_metadata"]["frame_decoding_time"].startswith("2027-01-15T08:00:00.3")


async def test_a_datagram_that_would_be_too_large_keeps_the_surest_predictions(tmp_path: Path) -> None:
    rows = [box(confidence=number / 1000) for number in range(900)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        made = sink("udp", context(tmp_path), host="127.0.0.1", port=receiver.getsockname()[1], max_bytes=9000)
        await written(made, result(1, answer(*rows)))
        datagram = await asyncio.to_thread(receiver.recv, 65_536)
    body = json.loads(datagram)
    assert 8_000 < len(datagram) <= 9_000
    assert body["truncated"] is True
    assert body["predictions"][0]["confidence"] == 0.899
