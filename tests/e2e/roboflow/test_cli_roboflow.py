"""inference-cli 1.8.3: ``infer``, ``benchmark api-speed`` in both modes, ``workflows`` on a picture and a folder."""

from __future__ import annotations

import json
import shutil
import urllib.request
from pathlib import Path
from typing import Any

import cv2
import pytest

from tests.e2e.roboflow.test_sdk_workflows import DEFINITION
from tests.launcher import ROOT
from tests.sdk.environments import VERSIONS, run

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]
IMAGES = ROOT / "examples" / "images"
DRIVER = ROOT / "tests" / "sdk" / "cli.py"
LOAD = ["-wr", "2", "-br", "10", "-c", "4", "--max_error_rate", "0.0"]


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the commands work."""
    return tmp_path_factory.mktemp("cli")


@pytest.fixture(scope="module")
def printed(server: str, work: Path) -> dict[str, str]:
    """What each command printed; all of them must have ended well."""
    (work / "pictures").mkdir()
    for name in ("star.jpg", "ring.jpg"):
        shutil.copy(IMAGES / name, work / "pictures")
    benchmark = [
        "benchmark",
        "api-speed",
        "-m",
        "shapes-classifier/1",
        "-d",
        str(IMAGES),
        "-h",
        server,
        "-a",
        "k",
        *LOAD,
    ]
    (work / "definition.json").write_text(json.dumps(DEFINITION))
    save(server, "from-cli", DEFINITION)
    api = ["-pt", "api", "--api_url", server, "-a", "k"]
    saved = ["-wn", "local", "-wid", "from-cli"]
    flow = ["benchmark", "api-speed", *saved, "-d", "pictures", "-h", server, "-a", "k", *LOAD]
    commands = {
        "picture": ["infer", "-i", str(IMAGES / "scene.jpg"), "-m", "shapes/1", "-h", server, "-o", "picture", "-V"],
        "folder": ["infer", "-i", "pictures", "-m", "shapes-classifier/1", "-h", server, "-o", "folder"],
        "benchmark-v1": [*benchmark, "-l", "-o", "v1.json"],
        "benchmark-v0": [*benchmark, "-L", "-o", "v0.json"],
        "benchmark-workflow": [*flow, "-o", "flow.json"],
        "workflow-picture": [
            *("workflows", "process-image", "-i", str(IMAGES / "scene.jpg"), "-o", "flow-picture"),
            *("-ws", "definition.json", *api, "--confidence", "0.8"),
        ],
        "workflow-folder": [
            *("workflows", "process-images-directory", "-i", "pictures", "-o", "flow-folder"),
            *(*saved, *api, "--aggregation_format", "jsonl", "--threads", "2"),
        ],
    }
    ran = run(VERSIONS[0], str(DRIVER), json.dumps(list(commands.values())), cwd=work)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    outcomes = dict(zip(commands, map(json.loads, ran.stdout.splitlines()), strict=True))
    assert {name: outcome["code"] for name, outcome in outcomes.items()} == dict.fromkeys(commands, 0), ran.stderr
    return {name: outcome["printed"] for name, outcome in outcomes.items()}


def loaded(folder: Path) -> list[Any]:
    return [json.loads(path.read_text()) for path in folder.glob("*.json")]


def test_infer_one_picture(printed: dict[str, str], work: Path) -> None:
    assert "'class': 'star'" in printed["picture"]
    (answer,) = loaded(work / "picture")
    assert len(answer["predictions"]) > 4
    (drawn,) = [cv2.imread(str(path)) for path in (work / "picture").glob("*.jpg")]
    assert drawn.shape == cv2.imread(str(IMAGES / "scene.jpg")).shape


def test_infer_a_folder(printed: dict[str, str], work: Path) -> None:
    assert "folder" in printed
    assert sorted(answer["top"] for answer in loaded(work / "folder")) == ["ring", "star"]


@pytest.mark.parametrize("mode", ["v1", "v0"])
def test_benchmark(printed: dict[str, str], work: Path, mode: str) -> None:
    """No request may fail; the tool reads ``time`` and X-Processing-Time from the answers."""
    assert "remote execution time" in printed[f"benchmark-{mode}"]
    report = json.loads((work / f"{mode}.json").read_text())
    figures = report["benchmark_results"]
    assert (figures["inferences_made"], figures["error_rate"]) == (40, 0.0)
    assert figures["avg_remote_execution_time"] > 0


def save(server: str, name: str, definition: dict[str, Any]) -> None:
    body = json.dumps({"definition": definition}).encode()
    saving = urllib.request.Request(f"{server}/v1/workflows/{name}", data=body, method="PUT")
    with urllib.request.urlopen(saving) as answer:
        assert answer.status == 201


def test_a_workflow_on_one_picture(printed: dict[str, str], work: Path) -> None:
    assert "failed" not in printed["workflow-picture"].lower()
    (results,) = (work / "flow-picture").rglob("results.json")
    found = json.loads(results.read_text())
    boxes = found["found"]["predictions"]
    assert len(boxes) == len(found["names"]) > 0
    assert all(box["confidence"] >= 0.8 for box in boxes), "parameters reach the workflow"
    drawn = [cv2.imread(str(path)) for path in (work / "flow-picture").rglob("*.jpg") if path.is_file()]
    assert [picture.shape for picture in drawn] == [cv2.imread(str(IMAGES / "scene.jpg")).shape]


def test_a_saved_workflow_on_a_folder(printed: dict[str, str], work: Path) -> None:
    assert "failed" not in printed["workflow-folder"].lower()
    (table,) = (work / "flow-folder").glob("*.jsonl")
    rows = [json.loads(line) for line in table.read_text().splitlines()]
    assert sorted(Path(row["image"]).name for row in rows) == ["ring.jpg", "star.jpg"]
    assert len(list((work / "flow-folder").rglob("results.json"))) == 2


def test_benchmark_of_a_workflow(printed: dict[str, str], work: Path) -> None:
    figures = json.loads((work / "flow.json").read_text())["benchmark_results"]
    assert (figures["inferences_made"], figures["error_rate"]) == (40, 0.0)
