"""``visionfleet batches`` against the whole system."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import cv2
import pytest

from tests.e2e.test_cli import IMAGES, SCENE, document, visionfleet
from tests.launcher import Launched

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]
DETECT = ("-m", "shapes-detector", "--confidence", 0.5)


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_folder_to_its_results(system: Launched, tmp_path: Path) -> None:
    photos, found = tmp_path / "photos", tmp_path / "out" / "found.ndjson"
    photos.mkdir()
    for name in ("scene.jpg", "desk.jpg", "small.png"):
        shutil.copy(IMAGES / name, photos)
    (photos / "broken.jpg").write_bytes(b"\xff\xd8 no picture")
    ran = visionfleet(system, "batches", "submit", photos, *DETECT, "--out", found, "--metadata", "who=me", "--json")
    assert ran.returncode == 1, ran.stderr  # one image failed
    batch = json.loads(ran.stdout)
    assert (batch["state"], batch["total"], batch["failed"], batch["metadata"]) == ("succeeded", 4, 1, {"who": "me"})
    by_name = {line["source"]: line for line in lines(found.read_text())}
    assert set(by_name) == {"scene.jpg", "desk.jpg", "small.png", "broken.jpg"}
    assert by_name["broken.jpg"]["error"]["code"] == "invalid_image"
    assert len(by_name["scene.jpg"]["output"]["predictions"]) >= 8

    whole = found.read_text()
    cut = "".join(whole.splitlines(keepends=True)[:2])
    found.write_text(cut + '{"number": 3, "ind')  # as a process that was killed leaves it
    again = visionfleet(system, "batches", "results", batch["id"], "--out", found, "--resume", "--follow")
    assert (again.returncode, found.read_text()) == (0, whole)
    assert "2 results written" in again.stderr
    after = visionfleet(system, "batches", "results", batch["id"], "--after", 3)
    assert [line["number"] for line in lines(after.stdout)] == [4]
    shown = visionfleet(system, "batches", "status", batch["id"])
    assert shown.returncode == 1
    assert "4 of 4 done, 1 failed" in shown.stdout


def test_a_zip_and_a_video(system: Launched, tmp_path: Path) -> None:
    archive, video = tmp_path / "all.zip", tmp_path / "clip.mp4"
    with zipfile.ZipFile(archive, "w") as writer:
        writer.write(SCENE, "a/scene.jpg")
    picture = cv2.resize(cv2.imread(str(SCENE)), (320, 240))
    film = cv2.VideoWriter(str(video), cv2.VideoWriter_fourcc(*"mp4v"), 25, (320, 240))
    for _ in range(6):
        film.write(picture)
    film.release()
    packed = document(visionfleet(system, "batches", "submit", archive, *DETECT, "--follow", "--json"))
    assert (packed["source"], packed["total"], packed["failed"]) == ("zip", 1, 0)
    filmed = document(visionfleet(system, "batches", "submit", video, *DETECT, "--every", 3, "--follow", "--json"))
    assert (filmed["source"], filmed["total"], filmed["state"]) == ("video", 2, "succeeded")
    listed = document(visionfleet(system, "batches", "list", "-n", 2, "--json"))
    assert [batch["id"] for batch in listed] == [filmed["id"], packed["id"]]


def test_what_cannot_be_is_said(system: Launched, tmp_path: Path) -> None:
    unknown = visionfleet(system, "batches", "status", "0" * 32)
    assert (unknown.returncode, unknown.stdout) == (4, "")
    nothing = visionfleet(system, "batches", "submit", tmp_path, *DETECT)
    assert nothing.returncode == 1
    assert "There is no image in" in nothing.stderr
    urls = tmp_path / "urls.txt"
    urls.write_text("# two\nhttps://127.0.0.1/a.jpg\n\n")
    refused = visionfleet(system, "batches", "submit", "--urls", urls, *DETECT)
    assert refused.returncode == 1
    assert "127.0.0.1" in refused.stderr or "address" in refused.stderr
