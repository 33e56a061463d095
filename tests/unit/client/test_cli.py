"""The command line against a fake server: what it prints, and its exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result
from visionfleet import retry
from visionfleet.cli import up
from visionfleet.cli.app import app

from tests.redis_server import free_port
from tests.unit.client.answers import ANNOTATED, BAD_IMAGE, DETECTIONS, FLEET, OUTPUT, PICTURE, job
from tests.unit.client.fake_server import Answer, Asked, FakeServer

CLIENT = str(Path(__file__).resolve().parents[3] / "client")
NOT_AN_IMAGE = Answer({"message": "Could not load input image.", "code": "invalid_image"}, 400)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry.random, "uniform", lambda _low, _high: 0.0)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for name in ("a.jpg", "b.png", "more/a.jpg", "a.png"):
        (folder / name).write_bytes(name.encode())
    (folder / "notes.txt").write_text("no image")
    return folder


def visionfleet(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def documents(result: Result) -> list[Any]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_infer_table(server: FakeServer, photos: Path) -> None:
    result = visionfleet(
        "infer", photos / "a.jpg", "-m", "shapes", "--confidence", 0.3, "--iou", 0.5, "--url", server.url
    )
    assert result.exit_code == 0, result.output
    assert "a.jpg: 1 object" in result.stdout
    assert "star" in result.stdout
    assert "0.90" in result.stdout
    body = server.to("/infer/object_detection")[0].json
    assert (body["confidence"], body["iou_threshold"]) == (0.3, 0.5)
    assert "visualize_predictions" not in body


def test_infer_folder_as_json_lines_in_order(server: FakeServer, photos: Path) -> None:
    result = visionfleet("infer", photos, "-m", "shapes", "--json", "--url", server.url)
    assert result.exit_code == 0, result.output
    lines = documents(result)
    assert [Path(line["source"]).relative_to(photos).as_posix() for line in lines] == [
        "a.jpg",
        "a.png",
        "b.png",
        "more/a.jpg",
    ]
    assert all(line["predictions"] == DETECTIONS["predictions"] for line in lines)


def test_infer_saves_pictures_apart(server: FakeServer, photos: Path, tmp_path: Path) -> None:
    server.answer("/infer/object_detection", Answer(ANNOTATED))
    result = visionfleet("infer", photos, "-m", "shapes", "--save", tmp_path / "out", "--url", server.url)
    assert result.exit_code == 0, result.output
    written = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.jpg")}
    assert written == {"a.jpg", "a-2.jpg", "b.jpg", "more/a.jpg"}
    assert (tmp_path / "out" / "more" / "a.jpg").read_bytes() == PICTURE


def test_one_bad_image_fails_alone(server: FakeServer, photos: Path) -> None:
    def answer(asked: Asked) -> Answer:
        bad = asked.json["image"]["value"] == "Yi5wbmc="  # "b.png"
        return NOT_AN_IMAGE if bad else Answer(DETECTIONS)

    server.routes["/infer/object_detection"] = answer
    result = visionfleet("infer", photos, "-m", "shapes", "--json", "--url", server.url)
    assert result.exit_code == 1
    assert [line.get("error", {}).get("code") for line in documents(result)] == [None, None, "invalid_image", None]
    assert "1 of 4 images failed" in result.stderr


def test_unknown_model_ends_everything(server: FakeServer, photos: Path) -> None:
    server.answer("/infer/object_detection", Answer({"message": "There is no model.", "code": "model_not_found"}, 404))
    result = visionfleet("infer", photos, "-m", "nope", "--url", server.url)
    assert result.exit_code == 4
    assert result.stderr == "error: There is no model.\n"
    assert len(server.to("/infer/object_detection")) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["infer", "no-such.jpg", "-m", "shapes"], 1, "no file or folder no-such.jpg"),
        (["infer", "no-such.jpg"], 2, "--model"),
        (["infer", "x", "-m", "shapes", "--confidence", "7"], 2, "--confidence"),
        (["fly"], 2, "fly"),
        (["models", "list", "--url", "nonsense"], 1, "no URL of a server"),
        (["models", "remove", "..", "--yes"], 1, "no model id"),
    ],
)
def test_wrong_usage_is_said_in_words(arguments: list[str], code: int, words: str) -> None:
    result = visionfleet(*arguments)
    assert result.exit_code == code
    assert words in result.stderr
    assert "Traceback" not in result.output


def test_no_server() -> None:
    result = visionfleet("status", "--url", f"http://127.0.0.1:{free_port()}")
    assert result.exit_code == 3
    assert "visionfleet up" in result.stderr
    assert result.stderr.count("\n") == 1


def test_busy_server(server: FakeServer) -> None:
    server.answer("/v1/fleet", Answer({"detail": "Full.", "code": "queue_full"}, 503))
    assert visionfleet("status", "--url", server.url).exit_code == 5


def test_a_folder_without_rights_is_one_line(server: FakeServer, photos: Path) -> None:
    (photos / "file").write_text("x")
    result = visionfleet(
        "infer", photos / "a.jpg", "-m", "shapes", "--save", photos / "file" / "x", "--url", server.url
    )
    assert result.exit_code == 1
    assert "Not a directory" in result.stderr


def test_hostile_labels_do_not_reach_the_terminal(server: FakeServer, photos: Path) -> None:
    evil = {**DETECTIONS["predictions"][0], "class": "\x1b[2J[red]x"}  # type: ignore[index]
    server.answer("/infer/object_detection", Answer({**DETECTIONS, "predictions": [evil]}))
    result = visionfleet("infer", photos / "a.jpg", "-m", "shapes", "--url", server.url)
    assert "\x1b" not in result.stdout
    assert "[red]x" in result.stdout


def test_status(server: FakeServer) -> None:
    result = visionfleet("status", "--url", server.url)
    assert result.exit_code == 0
    for words in ("w1", "cpu", "5.0 MB", "live", "1.5 s"):
        assert words in result.stdout
    assert json.loads(visionfleet("status", "--json", "--url", server.url).stdout) == FLEET


def test_models_list(server: FakeServer) -> None:
    result = visionfleet("models", "list", "--url", server.url)
    assert "shapes" in result.stdout
    assert "object-detection" in result.stdout
    found = json.loads(visionfleet("models", "list", "--json", "--url", server.url).stdout)
    assert [model["id"] for model in found] == ["shapes", "pets"]


def test_jobs_get(server: FakeServer) -> None:
    server.answer("/v1/jobs/j1", Answer(job("succeeded", outputs=[OUTPUT], timings={"infer_ms": 3.0})))
    result = visionfleet("jobs", "get", "j1", "--url", server.url)
    assert result.exit_code == 0, result.output
    assert "infer 3.0" in result.stdout
    assert "star" in result.stdout


def test_jobs_get_waits(server: FakeServer) -> None:
    server.answer("/v1/jobs/j1", Answer(job("running")), Answer(job("succeeded", outputs=[OUTPUT])))
    result = visionfleet("jobs", "get", "j1", "--wait", 100, "--json", "--url", server.url)
    assert json.loads(result.stdout)["state"] == "succeeded"


def test_jobs_get_after_a_wait_in_vain(server: FakeServer) -> None:
    server.answer("/v1/jobs/j1", Answer(job("running")))
    result = visionfleet("jobs", "get", "j1", "--wait", 0.1, "--url", server.url)
    assert result.exit_code == 0
    assert "not done yet" in result.stdout


@pytest.mark.parametrize(
    "failed", [job("failed", error=BAD_IMAGE), job("expired"), job("succeeded", outputs=[OUTPUT, {"error": BAD_IMAGE}])]
)
def test_failed_jobs_exit_with_1(server: FakeServer, failed: dict[str, Any]) -> None:
    server.answer("/v1/jobs/j1", Answer(failed))
    assert visionfleet("jobs", "get", "j1", "--url", server.url).exit_code == 1


def test_jobs_submit(server: FakeServer, photos: Path) -> None:
    server.answer("/v1/jobs", Answer(job("queued"), 202))
    result = visionfleet("jobs", "submit", photos / "a.jpg", "-m", "shapes", "--bulk", "--json", "--url", server.url)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["id"] == "j1"
    assert b'"priority": "bulk"' in server.to("/v1/jobs")[0].body


def test_up_hands_over(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[str]] = []
    monkeypatch.setattr(up.os, "execv", lambda _path, arguments: calls.append(arguments))
    assert visionfleet("up", "--no-demo").exit_code == 0
    assert calls[0][1:] == ["-m", "deploy.local", "--no-demo"]


def test_up_without_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(up, "importable", lambda _module: False)
    result = visionfleet("up")
    assert result.exit_code == 1
    assert "script/server" in result.stderr
    assert result.stderr.count("\n") == 1


def test_help_tells_the_exit_codes() -> None:
    for command in (["--help"], ["infer", "--help"], ["models", "add", "--help"], ["jobs", "get", "--help"]):
        assert "Exit codes" in visionfleet(*command).stdout


def test_json_stays_on_stdout_while_a_terminal_shows_the_bar(server: FakeServer, photos: Path) -> None:
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "visionfleet.cli.app", "infer", str(photos), "-m", "shapes", "--json"]
    environment = {**os.environ, "PYTHONPATH": CLIENT, "VISIONFLEET_URL": server.url, "TERM": "xterm"}
    try:
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=theirs, check=True)
    finally:
        os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert [json.loads(line)["task"] for line in done.stdout.splitlines()] == ["object-detection"] * 4
    assert "images" in shown
    assert "object-detection" not in shown
