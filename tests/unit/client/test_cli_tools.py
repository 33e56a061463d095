"""bench, config, completion, videos and --show on the command line."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner, Result
from visionfleet.cli import config as config_command
from visionfleet.cli.app import app
from visionfleet.load import Figures

from tests.unit.client.answers import ANNOTATED, DETECTIONS
from tests.unit.client.fake_server import Answer, Asked, FakeServer

INFER = "/infer/object_detection"


def visionfleet(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    (tmp_path / "a.jpg").write_bytes(b"picture")
    return tmp_path / "a.jpg"


def test_bench_counts_what_it_sent(server: FakeServer, photo: Path) -> None:
    options = ("-n", 20, "-c", 4, "--warm-up", 3, "--confidence", 0.5, "--json", "--url", server.url)
    result = visionfleet("bench", photo, "-m", "shapes", *options)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["good"], told["failed"], told["concurrency"]) == (20, 0, 4)
    assert 0 < told["latency_ms"]["p50"] <= told["latency_ms"]["p99"] <= told["latency_ms"]["max"]
    assert len(server.to(INFER)) == 1 + 3 + 20
    assert all(asked.json == server.to(INFER)[0].json for asked in server.to(INFER))


def test_bench_tells_errors_by_their_code(server: FakeServer, photo: Path) -> None:
    answers = [Answer(DETECTIONS)] * 3 + [Answer({"detail": "Full.", "code": "queue_full"}, 503)] * 2
    server.answer(INFER, *answers, Answer(drop=True))
    result = visionfleet("bench", photo, "-m", "shapes", "-n", 5, "-c", 1, "--warm-up", 1, "--url", server.url)
    assert result.exit_code == 1
    for words in ("1 in", "queue_full", "2 errors", "this client"):
        assert words in result.stdout


def test_bench_says_what_is_wrong_before_it_measures(server: FakeServer, photo: Path) -> None:
    server.answer(INFER, Answer({"message": "None.", "code": "model_not_found"}, 404))
    assert visionfleet("bench", photo, "-m", "nope", "--url", server.url).exit_code == 4
    assert len(server.to(INFER)) == 1


def test_percentiles_are_nearest_rank() -> None:
    figures = Figures(seconds=2.0, latencies=[float(ms) for ms in range(1, 101)])
    assert [figures.percentile(share) for share in (0.0, 0.5, 0.99, 1.0)] == [1.0, 50.0, 99.0, 100.0]
    assert figures.rate == 50.0
    assert Figures().percentile(0.5) is None


def test_config_tells_values_sources_and_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(__file__).resolve().parents[3]
    (tmp_path / ".env").write_text(
        '# mine\nVISIONFLEET_MAX_BATCH=3\nVISIONFLEET_PORT=9100\nexport VISIONFLEET_URL="http://x:1"\n'
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(root))
    monkeypatch.setenv("VISIONFLEET_PORT", "9200")
    monkeypatch.setenv("REDIS_URL", "redis://me:hunter2@host:6379/0")
    monkeypatch.setenv("VISIONFLEET_API_KEY", "hunter3")
    result = visionfleet("config", "--json")
    assert result.exit_code == 0, result.output
    assert "hunter" not in result.output
    found = {one["variable"]: (one["value"], one["source"]) for one in json.loads(result.stdout)}
    assert found["VISIONFLEET_MAX_BATCH"] == ("3", ".env")
    assert found["VISIONFLEET_PORT"] == ("9200", "env")
    assert found["VISIONFLEET_URL"] == ("http://x:1", ".env")
    assert found["VISIONFLEET_REDIS_URL"] == ("redis://***@host:6379/0", "env")
    assert found["VISIONFLEET_LEASE_MS"] == ("8000", "default")
    shown = visionfleet("config", "max_batch", "--changed").stdout
    assert "VISIONFLEET_MAX_BATCH" in shown
    assert "VISIONFLEET_PORT" not in shown
    monkeypatch.setenv("VISIONFLEET_MAX_BATCH", "many")
    refused = visionfleet("config", "max_batch")
    assert refused.exit_code == 1
    assert "VISIONFLEET_MAX_BATCH: Input should be a valid integer" in refused.stderr


def test_config_of_a_broken_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config_command, "command", lambda *_: ["python", "-c", "raise SystemExit('oh')"])
    result = visionfleet("config")
    assert result.exit_code == 1
    assert "oh" in result.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str) -> None:
    script = visionfleet("completion", shell).stdout
    assert "_VISIONFLEET_COMPLETE" in script
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for _ in range(5):
        writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    return path


def test_a_video_becomes_an_annotated_video(server: FakeServer, clip: Path, tmp_path: Path) -> None:
    jpeg = cv2.imencode(".jpg", np.full((48, 64, 3), 200, np.uint8))[1].tobytes()

    def answer(_: Asked) -> Answer:
        return Answer({**ANNOTATED, "visualization": __import__("base64").b64encode(jpeg).decode()})

    server.routes[INFER] = answer
    result = visionfleet("infer", clip, "-m", "shapes", "--save", tmp_path / "out", "--json", "--url", server.url)
    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["frame"] for line in lines] == [0, 1, 2, 3, 4]
    written = cv2.VideoCapture(str(tmp_path / "out" / "clip.mp4"))
    assert int(written.get(cv2.CAP_PROP_FRAME_COUNT)) == 5
    good, pixels = written.read()
    assert good
    assert pixels is not None
    assert abs(int(pixels.mean()) - 200) < 8


def test_no_screen_no_window(server: FakeServer, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    result = visionfleet("infer", photo, "-m", "shapes", "--show", "--url", server.url)
    assert result.exit_code == 1
    assert "--save" in result.stderr
    monkeypatch.setitem(__import__("sys").modules, "tkinter", None)
    assert "apt install python3-tk" in visionfleet("infer", photo, "-m", "shapes", "--show", "--url", server.url).stderr
