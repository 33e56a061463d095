"""``client.webrtc.stream`` of Roboflow's real SDK against the whole system, on this machine."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.cameras import film
from tests.cameras.camera import Camera
from tests.launcher import ROOT, Launched
from tests.sdk.environments import clean, python_of

pytest.importorskip("aiortc", reason="WebRTC needs Python 3.11 or newer")
pytest_plugins = ["tests.e2e.streams_fixtures"]
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
SHAPES = ["circle", "square", "triangle"]
Rows = list[Any]


@pytest.fixture(scope="module")
def sessions(
    streaming: Launched, camera: Camera, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """Three sessions at the same time, because importing the SDK takes seconds: each prints its frames."""
    folder = tmp_path_factory.mktemp("webrtc")
    np.savez(folder / "film.npz", pictures=np.stack([film.picture(n, 320, 180, 120) for n in range(0, 120, 2)]))
    video = film.write(folder / "film.mp4", 30, (320, 180))
    program = [str(python_of("1.8.3")), str(ROOT / "tests" / "sdk" / "webrtc_driver.py"), streaming.base_url]
    wanted = {
        "pixels": ["manual", "10", str(folder / "film.npz")],
        "camera": [camera.url, "10"],
        "file": [str(video), "30"],
    }
    how: dict[str, Any] = {"env": clean(), "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    started = {name: subprocess.Popen([*program, *words], **how) for name, words in wanted.items()}
    yield started
    for process in started.values():
        process.kill()
        process.communicate()


def rows_of(process: subprocess.Popen[str]) -> Rows:
    """Frames with what was found on them, as the SDK's callback got them."""
    said, complaints = process.communicate(timeout=120)
    assert said, complaints[-3000:]
    rows: Rows = json.loads(said.splitlines()[-1])
    return rows


def test_frames_of_the_caller_come_back_with_what_is_on_them(sessions: dict[str, subprocess.Popen[str]]) -> None:
    rows = rows_of(sessions["pixels"])
    found = [classes for _, classes in rows if classes]
    assert len(found) >= 10
    assert SHAPES in found
    assert rows[-1][0] == [180, 320, 3]


def test_a_camera_behind_the_server(sessions: dict[str, subprocess.Popen[str]]) -> None:
    rows = rows_of(sessions["camera"])
    assert sum(classes == SHAPES for _, classes in rows) >= 8
    assert rows[-1][0] == [360, 640, 3]


def test_a_file_is_processed_to_its_last_frame(sessions: dict[str, subprocess.Popen[str]]) -> None:
    rows = rows_of(sessions["file"])
    assert len(rows) == 30
    assert sum(classes == SHAPES for _, classes in rows) >= 27
