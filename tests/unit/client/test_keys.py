"""API keys in the client and on the command line, against a fake server."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner, Result
from visionfleet import Client
from visionfleet.cli import keys
from visionfleet.cli.app import app

from tests.unit.client.fake_server import Answer, FakeServer

TEXT = "vf_0123456789ab_SECRET"
KEY: dict[str, Any] = {"id": "0123456789ab", "name": "camera", "state": "active", "scopes": ["infer"], "owner": "a"}


def visionfleet(server: FakeServer, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["keys", *arguments, "--url", server.url])


def test_create_prints_the_key_alone(server: FakeServer) -> None:
    server.answer("/v1/keys", Answer({**KEY, "key": TEXT}, 201))
    result = visionfleet(
        server, "create", "camera", "-s", "infer", "-s", "jobs", "--expires", "7d", "--model", "a/*", "--rate", "5"
    )
    assert (result.exit_code, result.stdout) == (0, f"{TEXT}\n")
    assert server.to("/v1/keys")[0].json == {
        "name": "camera",
        "scopes": ["infer", "jobs"],
        "models": ["a/*"],
        "limits": {"rate": 5.0},
        "expires_in": 604_800.0,
    }


def test_list_show_revoke(server: FakeServer) -> None:
    used = {**KEY, "usage": {"requests": 3, "refused": 0, "last_used": None}}
    server.answer("/v1/keys", Answer({"keys": [KEY]}))
    server.answer("/v1/keys/0123456789ab", Answer(used))
    server.answer("/v1/keys/0123456789ab/revoke", Answer({**KEY, "state": "revoked"}))
    assert "camera" in visionfleet(server, "list").stdout
    assert json.loads(visionfleet(server, "list", "--json").stdout)[0]["id"] == KEY["id"]
    assert json.loads(visionfleet(server, "show", KEY["id"]).stdout)["usage"]["requests"] == 3
    assert "revoked" in visionfleet(server, "revoke", KEY["id"]).stdout


@pytest.mark.parametrize("time", ["soon", "0d", "7", "-1d", "7y"])
def test_no_time(server: FakeServer, time: str) -> None:
    assert visionfleet(server, "create", "x", "-s", "infer", "--expires", time).exit_code != 0
    assert server.to("/v1/keys") == []


def test_direct_hands_over_to_the_server(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[list[str]] = []

    def execv(_program: str, words: list[str]) -> None:
        called.append(words[2:])
        raise SystemExit

    monkeypatch.setattr(keys.os, "execv", execv)
    visionfleet(server, "create", "a b", "-s", "admin", "--queue-share", "0.5", "--expires", "7d", "--direct")
    words = ["create", "--scope", "admin", "--queue-share", "0.5", "--expires", "7d", "--", "a b"]
    assert called == [["deploy.local.keys", *words]]
    assert server.to("/v1/keys") == []


def test_a_key_is_not_in_its_repr(server: FakeServer) -> None:
    server.answer("/v1/keys", Answer({**KEY, "key": TEXT}, 201))
    with Client(server.url) as client:
        made = client.keys.create("camera", ["infer"])
    assert made.key == TEXT
    assert TEXT not in repr(made)


def test_the_key_goes_into_the_header(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.answer("/v1/keys", Answer({"keys": []}))
    monkeypatch.setenv("VISIONFLEET_API_KEY", TEXT)
    visionfleet(server, "list")
    assert server.to("/v1/keys")[0].headers["Authorization"] == f"Bearer {TEXT}"
