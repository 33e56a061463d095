"""Batches through the real API and real workers: every source, progress, cancel, and a worker killed in the middle."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import requests

from shared import keys
from shared.redis import connect
from shared.settings import RedisSettings
from tests.integration.tasks.processes import ROOT, Processes

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
SCENE = (ROOT / "examples/images/scene.jpg").read_bytes()
MODEL = {"model": "shapes-detector"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "images"
    (made / "inner").mkdir(parents=True)
    return made


@pytest.fixture
def fleet(redis_url: str, tmp_path: Path, folder: Path, request: pytest.FixtureRequest) -> Iterator[Processes]:
    processes = Processes(
        redis_url,
        tmp_path,
        VISIONFLEET_WORKFLOW_PRELOAD=str("workflow" in request.node.name),  # the first run would wait for imports
        VISIONFLEET_WORKFLOW_WRITE_DIR=str(tmp_path / "notes"),
        VISIONFLEET_BATCH_FOLDERS=json.dumps([str(folder)]),
        VISIONFLEET_BATCH_LEASE_S="2",
        VISIONFLEET_BATCH_WINDOW="16",
        VISIONFLEET_BATCH_ITEM_BYTES="2000000",
        VISIONFLEET_URL_ALLOW_HTTP="true",
        VISIONFLEET_URL_ALLOW_PRIVATE="true",
    )
    processes.api()
    processes.worker()
    processes.until()
    yield processes
    processes.end()


def submit(fleet: Processes, **request: Any) -> dict[str, Any]:
    answer = requests.post(f"{fleet.url}/v1/batches", timeout=30, **request)
    assert answer.status_code == 202, answer.text
    body: dict[str, Any] = answer.json()
    assert answer.headers["Location"] == f"/v1/batches/{body['id']}"
    return body


def until_over(fleet: Processes, batch_id: str, seconds: float = 120) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while True:
        batch: dict[str, Any] = fleet.get(f"/v1/batches/{batch_id}")
        if batch["state"] in {"succeeded", "failed", "canceled"}:
            return batch
        assert time.monotonic() < deadline, (batch, fleet.logs())
        time.sleep(0.05)


def lines(fleet: Processes, batch_id: str, query: str = "") -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{fleet.url}/v1/batches/{batch_id}/results{query}", timeout=60) as answer:
        return [json.loads(line) for line in answer]


def video(path: Path, frames: int) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (320, 240))
    assert writer.isOpened()
    for number in range(frames):
        frame = np.full((240, 320, 3), 255, np.uint8)
        cv2.circle(frame, (40 + 5 * number, 120), 30, (0, 0, 255), -1)
        writer.write(frame)
    writer.release()
    return path


def test_every_source(fleet: Processes, folder: Path, tmp_path: Path) -> None:
    for name in ("b.jpg", "a.JPG", "inner/c.png"):
        (folder / name).write_bytes(SCENE)
    (folder / "broken.jpg").write_bytes(b"no image")
    (folder / "notes.txt").write_text("no image either")
    (folder / "out.jpg").symlink_to(ROOT / "examples/images/ring.jpg")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(5):
            archive.writestr(f"x/{number}.jpg", SCENE)
        archive.writestr("readme.md", "text")
    clip = video(folder / "clip.avi", 10)
    with_job = {"batch": json.dumps(MODEL | {"every": 3})}
    submitted = {
        "folder": submit(fleet, json=MODEL | {"folder": str(folder)}),
        "zip": submit(fleet, data=with_job, files={"zip": ("a.zip", packed.getvalue())}),
        "files": submit(fleet, data=with_job, files=[("image", (f"{n}.jpg", SCENE)) for n in range(40)]),
        "video": submit(fleet, json=MODEL | {"video": str(clip), "every": 3}),
        "upload": submit(fleet, data=with_job, files={"video": ("v.avi", clip.read_bytes())}),
    }
    over = {name: until_over(fleet, batch["id"]) for name, batch in submitted.items()}
    assert {name: (batch["state"], batch["total"], batch["failed"]) for name, batch in over.items()} == {
        "folder": ("succeeded", 5, 2),
        "zip": ("succeeded", 5, 0),
        "files": ("succeeded", 40, 0),
        "video": ("succeeded", 4, 0),
        "upload": ("succeeded", 4, 0),
    }
    assert over["files"]["done"] == 40
    assert over["files"]["rate"] > 0
    found = {line["source"]: line for line in lines(fleet, over["folder"]["id"])}
    assert set(found) == {"a.JPG", "b.jpg", "broken.jpg", "inner/c.png", "out.jpg"}
    assert found["b.jpg"]["output"]["predictions"]
    assert found["broken.jpg"]["error"]["code"] == "invalid_image"
    assert "no folder" in found["out.jpg"]["error"]["message"], "a link must not lead out of the folder"
    assert sorted(line["frame"] for line in lines(fleet, over["video"]["id"])) == [0, 3, 6, 9]
    assert sorted(line["index"] for line in lines(fleet, over["files"]["id"])) == list(range(40))
    assert [line["number"] for line in lines(fleet, over["files"]["id"], "?after=30&limit=5")] == [31, 32, 33, 34, 35]
    assert list((tmp_path / "batches").iterdir()) == [], "uploads are removed at the end"
    listed = fleet.get("/v1/batches?limit=3")
    assert len(listed["batches"]) == 3
    assert len(fleet.get(f"/v1/batches?cursor={listed['next']}")["batches"]) == 2


def test_a_killed_worker_loses_and_repeats_nothing(fleet: Processes, redis_url: str) -> None:
    first = fleet._all[-1]
    files = [("image", (f"{number}.jpg", SCENE)) for number in range(300)]
    batch = submit(fleet, data={"batch": json.dumps(MODEL)}, files=files)
    killed: list[subprocess.Popen[bytes]] = [first]
    for enough in (40, 150):
        while fleet.get(f"/v1/batches/{batch['id']}")["done"] < enough:
            time.sleep(0.02)
        os.kill(killed[-1].pid, signal.SIGKILL)
        killed[-1].wait()
        partial = lines(fleet, batch["id"])
        assert enough <= len(partial) < 300
        fleet._all.remove(killed[-1])
        killed.append(fleet.worker())
    over = until_over(fleet, batch["id"], 80)
    assert (over["state"], over["total"], over["done"], over["failed"]) == ("succeeded", 300, 300, 0)
    found = lines(fleet, batch["id"])
    assert sorted(line["index"] for line in found) == list(range(300)), "each image has exactly one result"
    assert [line["number"] for line in found] == list(range(1, 301))
    client = connect(RedisSettings(redis_url=redis_url))
    accepted = client.hget("vf:accepted", keys.queue("any", "bulk", "shapes-detector"))
    assert int(accepted or 0) == 300, "no job was accepted twice"


def test_a_frozen_worker_that_wakes_after_its_lease_repeats_nothing(fleet: Processes, redis_url: str) -> None:
    files = [("image", (f"{number}.jpg", SCENE)) for number in range(200)]
    frozen = fleet._all[1]
    batch = submit(fleet, data={"batch": json.dumps(MODEL)}, files=files)
    while fleet.get(f"/v1/batches/{batch['id']}")["done"] < 20:
        time.sleep(0.02)
    frozen.send_signal(signal.SIGSTOP)
    fleet.worker()
    while fleet.get(f"/v1/batches/{batch['id']}")["done"] < 100:
        time.sleep(0.05)
    frozen.send_signal(signal.SIGCONT)
    over = until_over(fleet, batch["id"], 80)
    assert (over["state"], over["done"], over["failed"]) == ("succeeded", 200, 0)
    assert sorted(line["index"] for line in lines(fleet, batch["id"])) == list(range(200))
    client = connect(RedisSettings(redis_url=redis_url))
    accepted = client.hget("vf:accepted", keys.queue("any", "bulk", "shapes-detector"))
    assert int(accepted or 0) == 200, "no job was accepted twice"


def test_broken_connections_fail_no_image(fleet: Processes, redis_url: str) -> None:
    files = [("image", (f"{number}.jpg", SCENE)) for number in range(300)]
    batch = submit(fleet, data={"batch": json.dumps(MODEL)}, files=files)
    client: Any = connect(RedisSettings(redis_url=redis_url))
    for _ in range(40):
        client.client_kill_filter(_type="normal", skipme=True)
        time.sleep(0.07)
    fleet.until()
    over = until_over(fleet, batch["id"], 80)
    assert (over["state"], over["total"], over["done"], over["failed"]) == ("succeeded", 300, 300, 0)
    assert sorted(line["index"] for line in lines(fleet, batch["id"])) == list(range(300))


def test_a_stopped_worker_hands_over_at_once(fleet: Processes) -> None:
    files = [("image", (f"{number}.jpg", SCENE)) for number in range(300)]
    batch = submit(fleet, data={"batch": json.dumps(MODEL)}, files=files)
    fleet.worker()
    fleet.until(2)
    first = fleet._all[1]
    first.send_signal(signal.SIGTERM)
    assert first.wait(timeout=30) == 0, "a batch does not hold up the end of its worker"
    fleet._all.remove(first)
    over = until_over(fleet, batch["id"], 80)
    assert (over["state"], over["done"], over["failed"]) == ("succeeded", 300, 0)


def test_cancel_leaves_what_is_done_and_runs_no_more(fleet: Processes, redis_url: str) -> None:
    files = [("image", (f"{number}.jpg", SCENE)) for number in range(300)]
    batch = submit(fleet, data={"batch": json.dumps(MODEL)}, files=files)
    while fleet.get(f"/v1/batches/{batch['id']}")["done"] < 20:
        time.sleep(0.02)
    canceled = requests.post(f"{fleet.url}/v1/batches/{batch['id']}/cancel", timeout=10).json()
    assert canceled["state"] == "canceled"
    done = len(lines(fleet, batch["id"]))
    time.sleep(1)
    assert len(lines(fleet, batch["id"])) == done < 300
    client = connect(RedisSettings(redis_url=redis_url))
    assert client.xlen(keys.queue("any", "bulk", "shapes-detector")) == 0
    assert requests.post(f"{fleet.url}/v1/batches/{batch['id']}/cancel", timeout=10).json()["state"] == "canceled"


def test_follow_streams_to_the_end(fleet: Processes) -> None:
    files = [("image", (f"{number}.jpg", SCENE)) for number in range(60)]
    batch = submit(fleet, data={"batch": json.dumps(MODEL)}, files=files)
    assert len(lines(fleet, batch["id"], "?follow=true")) == 60


WORKFLOW = {
    "version": "1.0",
    "inputs": [{"type": "WorkflowImage", "name": "photo"}, {"type": "WorkflowParameter", "name": "most"}],
    "steps": [
        {
            "type": "ObjectDetectionModel",
            "name": "find",
            "image": "$inputs.photo",
            "model_id": "shapes-detector",
            "max_detections": "$inputs.most",
        },
        {
            "type": "roboflow_core/property_definition@v1",
            "name": "count",
            "data": "$steps.find.predictions",
            "operations": [{"type": "SequenceLength"}],
        },
    ],
    "outputs": [{"type": "JsonField", "name": "count", "selector": "$steps.count.output"}],
}


def test_a_workflow_for_each_image(fleet: Processes, folder: Path) -> None:
    for number in range(12):
        (folder / f"{number}.jpg").write_bytes(SCENE)
    (folder / "broken.jpg").write_bytes(b"no image")
    wanted = {"workflow": {"specification": WORKFLOW, "inputs": {"most": 2}}, "folder": str(folder)}
    refused = requests.post(f"{fleet.url}/v1/batches", json=wanted | {"model": "shapes-detector"}, timeout=30)
    assert refused.status_code == 422, "a model or a workflow"
    astray = {**WORKFLOW, "outputs": [{"type": "JsonField", "name": "count", "selector": "$steps.nowhere.output"}]}
    refused = requests.post(
        f"{fleet.url}/v1/batches", json={"workflow": {"specification": astray}, "folder": str(folder)}, timeout=30
    )
    assert (refused.status_code, refused.json()["error_type"]) == (400, "InvalidReferenceTargetError")

    batch = submit(fleet, json=wanted)
    assert (batch["model"], batch["source"]) == (keys.WORKFLOW_QUEUE, "folder")
    first = next(iter_lines(fleet, batch["id"]), None)
    assert first, fleet.get(f"/v1/batches/{batch['id']}")
    assert first["state"] in {"succeeded", "failed"}, "results come while the batch runs"
    over = until_over(fleet, batch["id"])
    assert (over["state"], over["total"], over["done"], over["failed"]) == ("succeeded", 13, 13, 1)
    found = lines(fleet, batch["id"])
    assert sorted(line["index"] for line in found) == list(range(13))
    good = [line for line in found if line["state"] == "succeeded"]
    assert [line["output"] for line in good] == [{"outputs": [{"count": 2}]}] * 12
    assert all("step:find_ms" in line["timings"] for line in good)

    waiting = submit(fleet, json=wanted | {"hardware": "gpu", "allow_pending": True})
    ended = requests.post(f"{fleet.url}/v1/batches/{waiting['id']}/cancel", timeout=30).json()
    assert ended["state"] == "canceled"


COUNT = 60
MOST_AT_ONCE = 2 * 4
"""Two workers were killed, each with as many runs under way as VISIONFLEET_WORKFLOW_RUNS allows."""
AFTER_FINDING = {
    "condition_statement": {
        "type": "StatementGroup",
        "statements": [
            {
                "type": "UnaryStatement",
                "operand": {"type": "DynamicOperand", "operand_name": "found"},
                "operator": {"type": "Exists"},
            }
        ],
    },
    "evaluation_parameters": {"found": "$steps.find.predictions"},
    "next_steps": ["$steps.note"],
}
SEPARATE = {"output_mode": "separate_files", "file_type": "txt"}
WIDTH = "roboflow_core/property_definition@v1"
SINK = "roboflow_core/local_file_sink@v1"
NOTED: dict[str, Any] = {
    "version": "1.0",
    "inputs": [{"type": "WorkflowImage", "name": "photo"}],
    "steps": [
        {"type": "ObjectDetectionModel", "name": "find", "image": "$inputs.photo", "model_id": "shapes-detector"},
        {
            "type": WIDTH,
            "name": "width",
            "data": "$inputs.photo",
            "operations": [{"type": "ExtractImageProperty", "property_name": "width"}, {"type": "ToString"}],
        },
        {"type": "ContinueIf", "name": "after", **AFTER_FINDING},
        {"type": SINK, "name": "note", "content": "$steps.width.output", "target_directory": ".", **SEPARATE},
    ],
    "outputs": [{"type": "JsonField", "name": "width", "selector": "$steps.width.output"}],
}


def test_a_workflow_with_a_sink_is_neither_lost_nor_repeated_by_a_killed_worker(
    fleet: Processes, folder: Path, tmp_path: Path
) -> None:
    for number in range(COUNT):
        cv2.imwrite(str(folder / f"{number}.png"), np.full((40, 40 + number, 3), 255, np.uint8))
    batch = submit(fleet, json={"workflow": {"specification": NOTED}, "folder": str(folder)})
    for enough in (COUNT // 5, COUNT // 2):
        while fleet.get(f"/v1/batches/{batch['id']}")["done"] < enough:
            time.sleep(0.02)
        last = fleet._all.pop()
        last.kill()
        last.wait()
        fleet.worker()
    over = until_over(fleet, batch["id"])
    found = lines(fleet, batch["id"])
    assert sorted(line["index"] for line in found) == list(range(COUNT)), "each image has exactly one result"
    assert (over["state"], over["total"], over["done"]) == ("succeeded", COUNT, COUNT)
    # The sink acted at most once for an image: exactly once where the run succeeded. Where it had acted when its worker
    # died, the run was not repeated and says so.
    acted = sorted(file.read_text() for file in (tmp_path / "notes").rglob("*") if file.is_file())
    assert len(acted) == len(set(acted))
    good = {line["output"]["outputs"][0]["width"] for line in found if line["state"] == "succeeded"}
    assert good <= set(acted)
    failed = [line for line in found if line["state"] != "succeeded"]
    assert [line["error"]["code"] for line in failed] == ["not_repeated"] * len(failed)
    assert len(good) + len(failed) == COUNT
    assert len(failed) <= MOST_AT_ONCE


def iter_lines(fleet: Processes, batch_id: str) -> Iterator[dict[str, Any]]:
    query = "?follow=true&limit=1"
    with urllib.request.urlopen(f"{fleet.url}/v1/batches/{batch_id}/results{query}", timeout=60) as answer:
        for line in answer:
            yield json.loads(line)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"json": MODEL}, 400),
        ({"json": MODEL | {"folder": "/etc"}}, 400),
        ({"json": MODEL | {"folder": "relative"}}, 400),
        ({"json": MODEL | {"urls": ["ftp://x.example/a.jpg"]}}, 400),
        ({"json": MODEL | {"urls": []}}, 422),
        ({"json": {"model": "nobody", "urls": ["https://x.example/a.jpg"]}}, 404),
        ({"data": {"batch": json.dumps(MODEL)}, "files": {"other": b"x"}}, 400),
        ({"data": {"batch": "no json"}, "files": {"image": ("a.jpg", b"x")}}, 422),
        ({"data": {"batch": json.dumps(MODEL)}, "files": [("zip", ("a", b"x")), ("zip", ("b", b"x"))]}, 400),
    ],
)
def test_refused(shared_api: Processes, request_: dict[str, Any], status: int) -> None:
    answer = requests.post(f"{shared_api.url}/v1/batches", timeout=10, **request_)
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert not list((shared_api.folder / "batches").glob("*")), "nothing of it stays on the disk"


@pytest.fixture(scope="module")
def shared_api(redis_process: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    processes = Processes(redis_process.url, tmp_path_factory.mktemp("api"))
    processes.api()
    processes.worker()
    processes.until()
    yield processes
    processes.end()
