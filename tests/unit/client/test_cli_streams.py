"""``visionfleet stream`` with its options, against a fake server."""

from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner, Result
from visionfleet.cli import live
from visionfleet.cli.app import app

from tests.unit.client.fake_server import Answer, FakeServer
from tests.unit.client.test_streams import STREAM


def stream(server: FakeServer, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["stream", *arguments, "--url", server.url])


def test_run_shows_saves_and_sends(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(typer, "launch", opened.append)
    server.answer("/v1/streams", Answer(STREAM, 201))
    wanted = ["--show", "--save", "--udp", "10.0.0.5:5000", "--mqtt", "b", "--webhook", "https://r", "--detach"]
    ran = stream(server, "run", "rtsp://cam/1", "0", "-m", "shapes", "--confidence", "0.4", "--track", *wanted)
    assert (ran.exit_code, ran.stdout.strip()) == (0, STREAM["id"]), ran.output
    assert opened == [f"{server.url}/v1/streams/{STREAM['id']}/preview.mjpeg"]
    sent = server.asked[-1].json
    assert [one["reference"] for one in sent["sources"]] == ["rtsp://cam/1", 0]
    assert [one["type"] for one in sent["sinks"]] == ["video", "udp", "mqtt", "webhook"]
    model = {"model_id": "shapes", "params": {"confidence": 0.4}, "tracking": True, "hardware": "any"}
    assert sent["model"] == model


def test_the_table_lives_until_ctrl_c(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = {"streams": [STREAM], "sessions": [], "services": []}
    server.answer("/v1/streams", *[Answer(listed)] * 4)
    rounds = iter([None, None])

    def sleep(_: float) -> None:
        if next(rounds, "over") == "over":
            raise KeyboardInterrupt

    monkeypatch.setattr(live.time, "sleep", sleep)
    assert stream(server, "list", "--watch", "1").exit_code == 130
    assert len(server.to("/v1/streams")) == 3
    assert json.loads(stream(server, "list", "--json").stdout)[0]["id"] == STREAM["id"]
