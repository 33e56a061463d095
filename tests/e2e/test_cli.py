"""The command line against the whole system: redis, API, worker, the project's own models."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import cv2
import pytest
from visionfleet import Client, get_model

from tests.launcher import ROOT, Launched
from tests.redis_server import free_port

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

IMAGES = ROOT / "examples" / "images"
SCENE = IMAGES / "scene.jpg"
# Long enough for a worker to look at its folders again and announce what it found.
SEEN_S = 15


def visionfleet(system: Launched, *arguments: object) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT / 'client'}{os.pathsep}{ROOT}",
        "VISIONFLEET_URL": system.base_url,
        "VISIONFLEET_PORT": system.base_url.rpartition(":")[2],
        "VISIONFLEET_DATA_DIR": str(system.data_dir),
        "COLUMNS": "160",
    }
    command = [sys.executable, "-m", "visionfleet.cli.app", *(str(argument) for argument in arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def document(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def boxes(predictions: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Predictions without the ids, which are made anew for each answer."""
    names = ("class", "confidence", "x", "y", "width", "height")
    return [tuple(round(p[n], 3) if n != "class" else p[n] for n in names) for p in predictions]


def test_infer_says_what_the_engine_says(system: Launched) -> None:
    served = document(visionfleet(system, "infer", SCENE, "-m", "shapes-detector", "--confidence", 0.5, "--json"))
    local = document(
        visionfleet(system, "infer", SCENE, "-m", "shapes-detector", "--confidence", 0.5, "--json", "--native")
    )
    assert served["image"] == {"width": 1280, "height": 853}
    assert len(served["predictions"]) >= 8
    assert boxes(served["predictions"]) == boxes(local["predictions"])


def test_infer_folder_with_a_bad_image(system: Launched, tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    for name in ("scene.jpg", "desk.jpg", "small.png"):
        shutil.copy(IMAGES / name, photos)
    (photos / "broken.jpg").write_bytes(SCENE.read_bytes()[:2000])
    (photos / "empty.png").write_bytes(b"")
    done = visionfleet(system, "infer", photos, "-m", "shapes-detector", "--save", out, "--json")
    assert done.returncode == 1
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [Path(line["source"]).name for line in lines] == [
        *("broken.jpg", "desk.jpg", "empty.png", "scene.jpg", "small.png")
    ]
    assert [line.get("error", {}).get("code") for line in lines] == [
        *("invalid_image", None, "invalid_image", None, None)
    ]
    assert {path.name for path in out.iterdir()} == {"desk.jpg", "scene.jpg", "small.jpg"}
    annotated, source = cv2.imread(str(out / "scene.jpg")), cv2.imread(str(SCENE))
    assert annotated is not None
    assert source is not None
    assert annotated.shape == source.shape
    assert cv2.absdiff(annotated, source).max() > 100
    assert "2 of 5 images failed" in done.stderr


def test_infer_classifier_table(system: Launched) -> None:
    done = visionfleet(system, "infer", IMAGES / "star.jpg", "-m", "shapes-classifier")
    assert done.returncode == 0, done.stderr
    assert "star.jpg: star" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["infer", SCENE, "-m", "no-such-model"], 4, "no-such-model"),
        (["infer", SCENE, "-m", "../etc"], 1, "model id"),
        (["jobs", "get", "no-such-job"], 4, "job"),
        (["infer", "http://127.0.0.1:1/x.jpg", "-m", "shapes-detector"], 1, "x.jpg"),
    ],
)
def test_failures_are_one_line(system: Launched, arguments: list[Any], code: int, words: str) -> None:
    done = visionfleet(system, *arguments)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_jobs(system: Launched, tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"no image")
    submitted = document(
        visionfleet(system, "jobs", "submit", SCENE, IMAGES / "desk.jpg", "-m", "shapes-detector", "--json")
    )
    assert submitted["state"] in {"queued", "running", "succeeded"}
    done = document(visionfleet(system, "jobs", "get", submitted["id"], "--wait", 30, "--json"))
    assert done["state"] == "succeeded"
    assert [output["output"]["image"]["width"] for output in done["outputs"]] == [1280, 640]
    mixed = visionfleet(system, "jobs", "submit", SCENE, tmp_path / "bad.jpg", "-m", "shapes-detector", "--wait", 30)
    assert mixed.returncode == 1
    assert "image 0: " in mixed.stdout
    assert "error: image 1: " in mixed.stderr


def test_status_and_models(system: Launched) -> None:
    fleet = document(visionfleet(system, "status", "--json"))
    assert [worker["hardware"] for worker in fleet["workers"]] == ["cpu"]
    assert "cpu" in visionfleet(system, "status").stdout
    listed = {model["id"]: model for model in document(visionfleet(system, "models", "list", "--json"))}
    assert {"shapes-detector", "shapes-classifier"} <= set(listed)
    assert listed["shapes-detector"]["available_on"] == ["cpu"]


def test_doctor(system: Launched) -> None:
    checks = {check["name"]: check for check in document(visionfleet(system, "doctor", "--json"))}
    assert {check["state"] for name, check in checks.items() if name != "cpu"} == {"ok"}, checks
    assert "used by the server" in checks["port"]["found"]


def test_a_model_is_added_served_and_removed(system: Launched, tmp_path: Path) -> None:
    graph = ROOT / "models" / "shapes-detector" / "weights.onnx"
    labels = [f"kind-{label}" for label in get_model("shapes-detector").labels]
    try:
        added = visionfleet(system, "models", "add", graph, "--id", "mine/1", "--labels", ",".join(labels))
        assert added.returncode == 0, added.stderr
        assert until_listed(system, "mine/1", there=True)
        served = document(visionfleet(system, "infer", SCENE, "-m", "mine/1", "--json"))
        kinds = Counter(prediction["class"] for prediction in served["predictions"])
        assert set(kinds) <= set(labels)
        assert kinds["kind-cross"] >= 1
    finally:
        removed = visionfleet(system, "models", "remove", "mine/1", "--yes", "--json")
    assert document(removed) == {"id": "mine/1", "path": str(system.data_dir / "models/mine/1"), "server_told": True}
    assert until_listed(system, "mine/1", there=False)
    assert visionfleet(system, "infer", SCENE, "-m", "mine/1").returncode == 4


def until_listed(system: Launched, model: str, *, there: bool) -> bool:
    """Whether the server came to list the model, or not to list it, in time."""
    deadline = monotonic() + SEEN_S
    with Client(system.base_url) as client:
        while monotonic() < deadline:
            if any(found.id == model for found in client.models.list()) == there:
                return True
            sleep(0.2)
    return False


def test_no_server_here() -> None:
    nobody = Launched(f"http://127.0.0.1:{free_port()}", Path("data"), None)  # type: ignore[arg-type]
    done = visionfleet(nobody, "infer", SCENE, "-m", "shapes-detector")
    assert done.returncode == 3
    assert "visionfleet up" in done.stderr


def test_up_starts_everything(tmp_path: Path) -> None:
    here = Launched(f"http://127.0.0.1:{free_port()}", tmp_path, None)  # type: ignore[arg-type]
    done = visionfleet(here, "up", "--demo")
    assert done.returncode == 0, done.stderr
    assert "shapes-detector sees 11 objects in scene.jpg" in done.stdout
    assert (tmp_path / "first-inference.jpg").is_file()


def test_ctrl_c_ends_quietly(tmp_path: Path) -> None:
    for index in range(400):
        (tmp_path / f"{index}.jpg").symlink_to(SCENE)
    arguments = ("infer", tmp_path, "-m", "shapes-detector", "--native", "--json")
    command = [sys.executable, "-m", "visionfleet.cli.app", *arguments]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'client'}{os.pathsep}{ROOT}"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    # A shell that runs us in the background has us ignore SIGINT, and children inherit that.
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(command, env=environment, preexec_fn=heed, **pipes) as process:  # noqa: PLW1509 - no other thread runs here
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()  # it is at work
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        words = process.stderr.read().decode()
    assert process.returncode == 130
    assert "Traceback" not in words
