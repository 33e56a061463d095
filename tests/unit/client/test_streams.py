"""The streams namespace and the command line's words, against scripted answers."""

from __future__ import annotations

from typing import Any

import pytest
from visionfleet import AsyncClient, Client, StreamInfo
from visionfleet.cli.stream import broker, streams_table, summary, wanted_sinks
from visionfleet.errors import InvalidRequest, ServerUnreachable
from visionfleet.streams import read_result

from tests.unit.client.fake_server import Answer, FakeServer

REPORT = {
    "state": "running",
    "fps": 15.0,
    "fps_out": 12.5,
    "age_ms": {"p50": 38.2, "p95": 51.0, "p99": 60.0},
    "counts": {"received": 100, "ok": 90, "expired": 2, "window_full": 8, "muted": 0},
}
STREAM: dict[str, Any] = {
    "id": "abcdef0123",
    "name": "yard",
    "state": "running",
    "health": "ok",
    "spec": {"sources": [{"id": "0", "reference": "rtsp://***@cam/1"}, {"id": "1", "reference": "rtsp://cam/2"}]},
    "status": {"sources": {"0": REPORT, "1": {"state": "reconnecting", "error": {"message": "Nobody answers."}}}},
    "newer_field": 1,
}
ROW = {"source_id": "0", "frame_id": 7, "age_ms": 40.0, "output": {"predictions": [{"class": "ring"}]}}


def test_a_stream_is_spelled_as_the_api_takes_it(server: FakeServer, client: Client) -> None:
    server.answer("/v1/streams", Answer(STREAM, 201))
    made = client.streams.create(["rtsp://cam/1", 0, {"reference": "x", "loop": True}], "m", params={"confidence": 0.3})
    assert server.asked[-1].json["sources"] == [
        {"reference": "rtsp://cam/1"},
        {"reference": 0},
        {"reference": "x", "loop": True},
    ]
    assert server.asked[-1].json["model"]["params"] == {"confidence": 0.3}
    assert server.asked[-1].query == {"probe": "true"}
    assert [source.state for source in made.sources] == ["running", "reconnecting"]
    assert made.sources[0].dropped == {"expired": 2, "window_full": 8}
    assert made.sources[1].error == "Nobody answers."


@pytest.mark.parametrize(
    ("workflow", "sent"),
    [
        ({"version": "1.0", "steps": []}, {"specification": {"version": "1.0", "steps": []}}),
        ({"workspace_name": "w", "workflow_id": "x"}, {"workspace_name": "w", "workflow_id": "x"}),
        ({"specification": {}, "parameters": {"n": 1}}, {"specification": {}, "parameters": {"n": 1}}),
    ],
)
def test_workflows_in_their_forms(server: FakeServer, client: Client, workflow: Any, sent: Any) -> None:
    server.answer("/v1/streams", Answer(STREAM, 201))
    client.streams.create("rtsp://cam/1", workflow=workflow)
    assert server.asked[-1].json["workflow"] == sent
    assert "model" not in server.asked[-1].json


async def test_the_same_awaited(server: FakeServer, waiting: AsyncClient) -> None:
    server.answer("/v1/streams", Answer({"streams": [STREAM], "services": []}))
    assert [one.name for one in await waiting.streams.list()] == ["yard"]


def test_results_are_followed_to_the_end_and_failures_when_wanted(server: FakeServer, client: Client) -> None:
    text = (
        ": still here\n\n"
        'event: result\ndata: {"source_id": "0", "frame_id": 1, "output": {"predictions": []}}\n\n'
        'event: failure\ndata: {"source_id": "0", "frame_id": 2, "cause": "expired"}\n\n'
        "event: end\ndata: {}\n\n"
    )
    server.answer("/v1/streams/s/results", Answer(text.encode(), headers={"Content-Type": "text/event-stream"}))
    assert [one.frame_id for one in client.streams.results("s")] == [1]
    assert [(one.frame_id, one.cause) for one in client.streams.results("s", failures=True)] == [
        (1, ""),
        (2, "expired"),
    ]


def test_results_that_break_off_again_and_again_are_an_error(server: FakeServer, client: Client) -> None:
    server.answer("/v1/streams/s/results", Answer(b": still here\n\n", headers={"Content-Type": "text/event-stream"}))
    with pytest.raises(ServerUnreachable, match="do not go on"):
        list(client.streams.results("s"))


def test_nothing_to_consume_is_none(server: FakeServer, client: Client) -> None:
    server.answer("/v1/streams/s/consume", Answer({"result": None}), Answer({"result": ROW}))
    assert client.streams.consume("s") is None
    found = client.streams.consume("s")
    assert found is not None
    assert found.predictions == [{"class": "ring"}]


def test_options_become_sinks() -> None:
    made = wanted_sinks(save=True, udp="10.0.0.5:5000", mqtt="mqtts://u:p%40ss@b/yard/{source}", webhook="https://r")
    assert made == [
        {"type": "video"},
        {"type": "udp", "host": "10.0.0.5", "port": 5000},
        {
            "type": "mqtt",
            "host": "b",
            "tls": True,
            "port": 8883,
            "topic": "yard/{source}",
            "username": "u",
            "password": "p@ss",
        },
        {"type": "webhook", "url": "https://r"},
    ]
    assert broker("broker.local")["port"] == 1883


@pytest.mark.parametrize("address", ["http://b/x", "mqtt://", "mqtt://b:port"])
def test_an_address_that_is_no_brokers_is_refused(address: str) -> None:
    with pytest.raises(InvalidRequest, match="--mqtt"):
        broker(address)


def test_an_address_without_a_port_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="HOST:PORT"):
        wanted_sinks(save=False, udp="10.0.0.5", mqtt=None, webhook=None)


def test_a_second_of_results_in_a_line() -> None:
    lost = read_result({"source_id": "0", "frame_id": 8, "cause": "expired"})
    assert summary([read_result(ROW), read_result(ROW), lost], 2.0) == "1.0/s  age 40 ms  ring 2  left out: expired 1"


def test_the_table_has_a_row_for_each_source() -> None:
    made = streams_table([StreamInfo(**{name: value for name, value in STREAM.items() if name != "newer_field"})])
    cells = [[str(cell) for cell in column.cells] for column in made.columns]
    assert cells[0] == ["abcdef01 yard", ""]
    assert cells[3][0] == "15.0/12.5"
    assert cells[4][0] == "38/51/60"
    assert cells[5][0] == "expired 2, window_full 8"
    assert cells[2][1] == "reconnecting: Nobody answers."
