"""``python -m deploy.local`` with the real API, worker and redis-server: what a newcomer sees and leaves behind."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import psutil
import pytest

from tests.launcher import ROOT, Launched, end, launch, until_ready
from tests.redis_server import free_port

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]


def words(launched: Launched) -> str:
    return (launched.data_dir / "launcher.log").read_text()


def family(launched: Launched) -> list[psutil.Process]:
    """The launcher's children and theirs."""
    return psutil.Process(launched.process.pid).children(recursive=True)


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Launched]:
    """A system that has shown its first inference."""
    launched = launch(tmp_path)
    try:
        until_ready(launched)
        until(lambda: "playground" in words(launched))
        yield launched
    finally:
        end(launched)


def test_demo_runs_one_real_inference_and_exits_0(tmp_path: Path) -> None:
    launched = launch(tmp_path, "--demo")
    assert launched.process.wait(timeout=90) == 0, words(launched)
    assert "shapes-detector sees" in words(launched)
    annotated = cv2.imread(str(tmp_path / "first-inference.jpg"))
    original = cv2.imread(str(ROOT / "examples" / "images" / "scene.jpg"))
    assert annotated.shape == original.shape
    assert (cv2.absdiff(annotated, original) > 100).sum() > 1000, "no box was drawn"


def test_the_curl_line_does_the_same_and_sigterm_leaves_no_process(serving: Launched) -> None:
    log = words(serving)
    shown = int(re.search(r"sees (\d+) objects", log).group(1))  # type: ignore[union-attr]
    line = re.search(r"same again +(printf .*)", log).group(1)  # type: ignore[union-attr]
    answer = subprocess.run(["bash", "-c", line], cwd=ROOT, capture_output=True, check=True, timeout=60).stdout
    assert len(json.loads(answer)["predictions"]) == shown > 0

    processes = family(serving)
    assert len(processes) >= 3
    serving.process.send_signal(signal.SIGTERM)
    assert serving.process.wait(timeout=45) == 0, words(serving)
    assert not any(process.is_running() for process in processes)
    assert "killed" not in words(serving)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_a_launcher_that_is_killed_leaves_no_orphans(serving: Launched) -> None:
    processes = family(serving)
    serving.process.kill()
    serving.process.wait()
    assert psutil.wait_procs(processes, timeout=45)[1] == []


def test_a_killed_worker_and_a_killed_redis_come_back(serving: Launched) -> None:
    for name in ("worker_service", "redis-server"):
        before = serving.pid_of(name)
        os.kill(before, signal.SIGKILL)
        until(lambda name=name, before=before: pid_or_none(serving, name) not in {None, before})  # type: ignore[misc]
    until(lambda: "worker x1" in words(serving) and "redis x1" in words(serving))
    until_ready(serving)


def pid_or_none(launched: Launched, name: str) -> int | None:
    try:
        return launched.pid_of(name)
    except (LookupError, psutil.Error):
        return None


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"VISIONFLEET_PORT": "many"}, "error: VISIONFLEET_PORT: "),
        ({"VISIONFLEET_DATA_DIR": "/proc/none"}, "error: cannot write /proc/none"),
        ({"REDIS_URL": "redis://127.0.0.1:1/0"}, "error: the Redis of REDIS_URL does not answer; start it"),
    ],
)
def test_what_is_in_the_way_is_one_line(tmp_path: Path, variables: dict[str, str], message: str) -> None:
    launched = launch(tmp_path, "--no-demo", **variables)
    assert launched.process.wait(timeout=30) == 1
    assert words(launched).splitlines()[-1].startswith(message)
    assert "Traceback" not in words(launched)


def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        launched = launch(tmp_path, "--no-demo", VISIONFLEET_PORT=str(other.getsockname()[1]))
        assert launched.process.wait(timeout=30) == 1
    assert "is in use; stop what uses it or choose another" in words(launched)
    assert "Traceback" not in words(launched)


def background(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "deploy.local", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=110, check=False)


def test_in_the_background_until_it_is_stopped(tmp_path: Path) -> None:
    here = {"VISIONFLEET_PORT": str(free_port()), "VISIONFLEET_DATA_DIR": str(tmp_path)}
    try:
        started = background("--detach", **here)
        assert started.returncode == 0, started.stderr
        assert f":{here['VISIONFLEET_PORT']}" in started.stdout
        told = json.loads((tmp_path / "server.json").read_text())
        everything = psutil.Process(told["pid"]).children(recursive=True)
        assert len(everything) >= 3
        again = background("--detach", **here)
        assert str(told["pid"]) in again.stdout, "a second start finds the first"
    finally:
        stopped = background("--stop", **here)
    assert stopped.stdout == "stopped\n"
    _, alive = psutil.wait_procs(everything, timeout=10)
    assert alive == []
    assert not (tmp_path / "server.json").exists()
    assert "nothing is running" in background("--stop", **here).stdout


def test_a_start_in_the_background_that_fails_says_why(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        failed = background("--detach", VISIONFLEET_PORT=port, VISIONFLEET_DATA_DIR=str(tmp_path))
    assert failed.returncode == 1
    assert failed.stderr.count("\n") == 1
    assert f"port {port}" in failed.stderr


def test_a_stale_state_stops_nobody(tmp_path: Path) -> None:
    ours = {"pid": os.getpid(), "born": 1.0, "url": "x", "since": 1.0, "ready": True}
    (tmp_path / "server.json").write_text(json.dumps(ours))
    assert "nothing is running" in background("--stop", VISIONFLEET_DATA_DIR=str(tmp_path)).stdout
