"""``visionfleet doctor``: each finding, its advice and the exit code."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from typer.testing import CliRunner
from visionfleet import native
from visionfleet.cli.app import app
from visionfleet.errors import NotInstalled

from tests.redis_server import free_port
from tests.unit.client.answers import FLEET
from tests.unit.client.fake_server import Answer, FakeServer

HEALTHY = {"status": "ready"}


@pytest.fixture(autouse=True)
def quiet_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VISIONFLEET_PORT", str(free_port()))
    monkeypatch.setenv("VISIONFLEET_DATA_DIR", str(tmp_path))


@pytest.fixture
def healthy(server: FakeServer) -> FakeServer:
    server.answer("/info", Answer({"name": "Visionfleet", "version": "0.1.0", "uuid": "u"}))
    server.answer("/readiness", Answer(HEALTHY))
    return server


@pytest.fixture
def taken_port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        monkeypatch.setenv("VISIONFLEET_PORT", str(holder.getsockname()[1]))
        yield holder.getsockname()[1]


def examine(*arguments: str) -> tuple[dict[str, Any], int]:
    result = CliRunner().invoke(app, ["doctor", "--json", *arguments])
    return {check["name"]: check for check in json.loads(result.stdout)}, result.exit_code


def test_all_is_well(healthy: FakeServer) -> None:
    checks, code = examine("--url", healthy.url)
    assert code == 0
    assert set(checks) >= {
        "python",
        "redis",
        "port",
        "disk",
        "cpu",
        "providers",
        "server",
        "ready",
        "workers",
        "models",
    }
    assert checks["server"]["found"] == f"Visionfleet 0.1.0 at {healthy.url}"
    assert checks["workers"]["found"] == "1 cpu"
    assert "CPUExecutionProvider" in checks["providers"]["found"]


def test_lines_for_people(healthy: FakeServer) -> None:
    result = CliRunner().invoke(app, ["doctor", "--url", healthy.url])
    assert "ok    python" in result.stdout


def test_no_server_is_a_warning() -> None:
    checks, code = examine()
    assert (checks["server"]["state"], code) == ("warn", 0)
    assert "ready" not in checks
    assert examine("--strict")[1] == 1


def test_not_ready(healthy: FakeServer) -> None:
    healthy.answer("/readiness", Answer({"status": "not ready", "reason": "no worker is ready"}, 503))
    healthy.answer("/v1/fleet", Answer({**FLEET, "workers": []}))
    checks, code = examine("--url", healthy.url)
    assert (checks["ready"]["state"], checks["workers"]["state"], code) == ("fail", "fail", 1)
    assert "no worker is ready" in checks["ready"]["found"]


def test_port_taken_by_another(taken_port: int) -> None:
    checks, code = examine("--url", f"http://127.0.0.1:{free_port()}")
    assert (checks["port"]["state"], code) == ("fail", 1)
    assert f"VISIONFLEET_PORT={taken_port + 1}" in checks["port"]["advice"]


def test_port_taken_by_the_server_itself(healthy: FakeServer, taken_port: int) -> None:
    assert examine("--url", healthy.url)[0]["port"]["state"] == "ok"


def test_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage(NamedTuple):
        free: int

    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(50 * 2**20))
    checks, code = examine()
    assert (checks["disk"]["state"], code) == ("fail", 1)
    assert checks["disk"]["found"].startswith("50 MB free")


def test_no_redis_and_no_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def missing() -> native.Machine:
        raise NotInstalled("onnxruntime is missing.")

    monkeypatch.setattr(native, "machine", missing)
    monkeypatch.setattr("sysconfig.get_path", lambda _: str(tmp_path))
    monkeypatch.setenv("PATH", "")
    checks, _ = examine()
    assert checks["redis"]["state"] == "warn"
    assert "REDIS_URL" in checks["redis"]["advice"]
    assert checks["engine"]["found"] == "onnxruntime is missing."


def test_redis_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://:secret@db:6379/0")
    found = examine()[0]["redis"]
    assert found["state"] == "ok"
    assert "secret" not in str(found)
