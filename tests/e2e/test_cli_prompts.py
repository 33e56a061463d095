"""``visionfleet infer`` with every task that is told what to do, on a running system with small nets of each."""

from __future__ import annotations

import json
import shutil
import time
from typing import Any

import pytest
import requests

from tests.launcher import Launched
from tests.parity import foundation, pictures
from tests.unit.client.test_cli import visionfleet

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
NETS = ("yolo-world", "owlv2", "sam2-hf", "clip", "depth-anything", "trocr-merged", "smolvlm")
WIDE = pictures.FOLDER / "wide.jpg"
"""640 x 360."""


@pytest.fixture(scope="module")
def served(system: Launched) -> str:
    """Where a system serves that has found the models; they are added while it runs."""
    for net in NETS:
        shutil.copytree(foundation.FOLDER / net, system.data_dir / "models" / net, dirs_exist_ok=True)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        known = {model["id"] for model in requests.get(f"{system.base_url}/v1/fleet", timeout=30).json()["models"]}
        if known >= set(NETS):
            return system.base_url
        time.sleep(0.2)
    raise AssertionError("the models were not found")


def infer(served: str, *arguments: object) -> dict[str, Any]:
    """The answer about one picture, as JSON."""
    ran = visionfleet("infer", WIDE, *arguments, "--url", served, "--json")
    assert ran.exit_code == 0, ran.output
    (line,) = ran.stdout.splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def test_detect_by_text(served: str) -> None:
    found = infer(served, "-m", "yolo-world", "--prompt", "a red circle, square", "--confidence", "0.05")
    assert found["predictions"]
    assert {box["class"] for box in found["predictions"]} <= {"a red circle", "square"}


def test_segment_by_points_and_boxes(served: str) -> None:
    """Negative points and boxes change the mask; several boxes are several objects."""
    at = infer(served, "-m", "sam2-hf", "--point", "320,180")
    off = infer(served, "-m", "sam2-hf", "--point", "320,180", "--off", "600,20")
    both = infer(served, "-m", "sam2-hf", "--point", "320,180", "--box", "130,90,450,290")
    assert [len(found["masks"]) for found in (at, off, both)] == [1, 1, 1]
    assert at["masks"] != off["masks"] != both["masks"]
    two = infer(served, "-m", "sam2-hf", "--box", "130,90,450,290", "--box", "10,10,300,200")
    assert len(two["masks"]) == 2
    assert all(mask["polygons"] for mask in two["masks"])
    ran = visionfleet("infer", WIDE, "-m", "sam2-hf", "--point", "320,180", "--url", served)
    assert "1 mask" in ran.stdout


def test_find_what_looks_like_an_example(served: str) -> None:
    example = f"{WIDE}:130,90,450,290:thing"
    found = infer(served, "-m", "owlv2", "--like", example, "--confidence", "0.9")
    assert {box["class"] for box in found["predictions"]} == {"thing"}


def test_similarity(served: str) -> None:
    found = infer(served, "-m", "clip", "--prompt", "a red circle, two squares")
    assert set(found["similarity"]) == {"a red circle", "two squares"}
    assert all(-1 <= likeness <= 1 for likeness in found["similarity"].values())
    assert "similarity" in visionfleet("infer", WIDE, "-m", "clip", "--prompt", "a, b", "--url", served).stdout


def test_ask_read_and_depth(served: str) -> None:
    asked = infer(served, "-m", "smolvlm", "--prompt", "What is this?", "--max-tokens", "8")
    assert isinstance(asked["response"], str)
    assert isinstance(infer(served, "-m", "trocr-merged", "--max-tokens", "8")["result"], str)
    assert infer(served, "-m", "depth-anything")["task"] == "depth-estimation"
