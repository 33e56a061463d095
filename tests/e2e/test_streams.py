"""Streams through the client, ``InferencePipeline`` and the command line: the whole system and a real camera."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from visionfleet import Client, InferencePipeline, StreamInfo, VideoFrame
from visionfleet.errors import InvalidRequest, NotFound, SourceNotFound, SourceUnauthorized

from tests.cameras.camera import Camera
from tests.launcher import ROOT, Launched

pytest_plugins = ["tests.e2e.streams_fixtures"]
pytestmark = pytest.mark.e2e
SHAPES = {"circle", "square", "triangle"}


@pytest.fixture(scope="module")
def client(streaming: Launched) -> Iterator[Client]:
    with Client(streaming.base_url) as made:
        yield made


def until(condition: Callable[[], Any], seconds: float = 20) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)
    return found


def environment(streaming: Launched) -> dict[str, str]:
    path = f"{ROOT}:{ROOT / 'client'}"
    return {**os.environ, "VISIONFLEET_URL": streaming.base_url, "PYTHONPATH": path, "COLUMNS": "140"}


def run_cli(streaming: Launched, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "visionfleet.cli.app", "stream", *arguments]
    return subprocess.run(command, env=environment(streaming), capture_output=True, text=True, timeout=60, check=False)


def test_the_life_of_a_stream(client: Client, camera: Camera) -> None:
    made = client.streams.create(camera.url, "shapes-detector", params={"confidence": 0.4}, name="yard")
    try:
        assert made.probe["0"]["width"] == 640
        *_, result = islice(client.streams.results(made.id), 5)
        assert {one["class"] for one in result.predictions} == SHAPES
        buffered = until(lambda: client.streams.consume(made.id))
        assert buffered.frame_id >= 1
        jpeg = client.streams.snapshot(made.id)
        image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert image is not None

        def delivers() -> StreamInfo | None:
            now = client.streams.get(made.id)
            return now if now.sources[0].fps_out > 0 and now.sources[0].age_ms else None

        now = until(delivers)
        assert (now.health, now.sources[0].state) == ("ok", "running")
        assert client.streams.add_source(made.id, {"id": "gate", "reference": camera.path("cam/2")}).version == 2
        until(lambda: len([s for s in client.streams.get(made.id).sources if s.state == "running"]) == 2)
        assert [one.id for one in client.streams.remove_source(made.id, "gate").sources] == ["0"]
        assert client.streams.update(made.id, max_fps=5).spec["max_fps"] == 5
        client.streams.pause(made.id)
        until(lambda: client.streams.get(made.id).state == "paused")
        client.streams.resume(made.id)
        until(lambda: client.streams.get(made.id).state == "running")
    finally:
        client.streams.terminate(made.id)
    with pytest.raises(NotFound):
        client.streams.get(made.id)


def test_what_is_wrong_is_said_when_the_stream_is_made(client: Client, camera: Camera) -> None:
    with pytest.raises(SourceNotFound):
        client.streams.create(camera.path("nothing"), "shapes-detector")
    with pytest.raises(SourceUnauthorized) as refused:
        client.streams.create(camera.path("secret", "camera:hunter2"), "shapes-detector")
    assert "hunter2" not in str(refused.value)
    with pytest.raises(InvalidRequest, match="nonsense"):
        client.streams.create(camera.url, "shapes-detector", sinks=[{"type": "jsonl", "nonsense": 1}])


def test_a_pipeline_on_the_server_calls_back_and_is_gone_at_its_end(client: Client, camera: Camera) -> None:
    seen: list[tuple[Any, VideoFrame]] = []
    pipeline = InferencePipeline.init(
        camera.url, "shapes-detector", lambda found, frame: seen.append((found, frame)), client=client, confidence=0.4
    )
    pipeline.start(use_main_thread=False)
    until(lambda: len(seen) >= 5)
    pipeline.terminate()
    pipeline.join(20)
    found, frame = seen[-1]
    assert {one["class"] for one in found["predictions"]} == SHAPES
    assert frame.frame_timestamp.tzinfo is not None
    assert pipeline.watchdog.get_report().answered >= 5
    assert client.streams.list() == []


COUNTING = {
    "version": "1.0",
    "inputs": [{"type": "WorkflowImage", "name": "view"}],
    "steps": [
        {
            "type": "roboflow_core/roboflow_object_detection_model@v2",
            "name": "model",
            "images": "$inputs.view",
            "model_id": "shapes-detector",
            "confidence": 0.4,
        },
        {
            "type": "roboflow_core/byte_tracker@v3",
            "name": "tracker",
            "image": "$inputs.view",
            "detections": "$steps.model.predictions",
        },
    ],
    "outputs": [{"type": "JsonField", "name": "tracked", "selector": "$steps.tracker.tracked_detections"}],
}


@pytest.mark.parametrize("saved", [False, True])
def test_a_workflow_on_the_server_calls_back_with_its_outputs(client: Client, camera: Camera, saved: bool) -> None:
    which: dict[str, Any] = {"workflow_specification": COUNTING}
    if saved:
        client.workflows.save("counting", COUNTING)
        which = {"workspace_name": "local", "workflow_id": "counting"}
    seen: list[tuple[Any, VideoFrame]] = []
    pipeline = InferencePipeline.init_with_workflow(
        camera.url,
        on_prediction=lambda outputs, frame: seen.append((outputs, frame)),
        image_input_name="view",
        client=client,
        **which,
    )
    pipeline.start(use_main_thread=False)
    until(lambda: sum(len(outputs["tracked"]["predictions"]) == 3 for outputs, _ in list(seen)) >= 5, 60)
    pipeline.terminate()
    pipeline.join(20)
    rows = [outputs["tracked"]["predictions"] for outputs, _ in seen]
    assert any({one["class"] for one in found} == SHAPES for found in rows)
    assert all(one["tracker_id"] > 0 for found in rows for one in found)
    assert pipeline.watchdog.get_report().answered >= 5
    assert client.streams.list() == []


def test_results_go_to_a_socket_a_file_and_a_video(client: Client, streaming: Launched, camera: Camera) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(20)
        sinks = [
            {"type": "udp", "host": "127.0.0.1", "port": receiver.getsockname()[1]},
            {"type": "jsonl"},
            {"type": "video", "width": 320},
        ]
        made = client.streams.create(camera.url, "shapes-detector", sinks=sinks)
        try:
            body = json.loads(receiver.recv(65_536))
            assert len(list(islice(client.streams.results(made.id), 8))) == 8
        finally:
            client.streams.terminate(made.id)
    assert body["inference_metadata"]["pipeline_id"] == made.id
    folder = streaming.data_dir / "streams" / made.id
    (lines,) = until(lambda: list(folder.rglob("*.jsonl")))
    assert json.loads(Path(lines).read_text().splitlines()[0])["source_id"] == "0"
    assert until(lambda: [path for path in folder.rglob("*.mp4") if path.stat().st_size > 1000])


def test_the_command_line_runs_lists_and_stops(streaming: Launched, camera: Camera) -> None:
    ran = run_cli(streaming, "run", camera.url, "--model", "shapes-detector", "--name", "gate", "--detach")
    assert ran.returncode == 0, ran.stderr
    stream_id = ran.stdout.strip()
    until(lambda: json.loads(run_cli(streaming, "status", stream_id[:6]).stdout)["health"] == "ok")
    listed = run_cli(streaming, "list")
    assert "gate" in listed.stdout
    assert "running" in listed.stdout
    stopped = run_cli(streaming, "stop", stream_id[:6])
    assert f"{stream_id} is over" in stopped.stdout
    gone = run_cli(streaming, "status", stream_id)
    assert gone.returncode == 4
    assert gone.stderr.startswith("error: ")


def test_the_command_line_follows_a_stream_and_ends_it_with_ctrl_c(streaming: Launched, camera: Camera) -> None:
    command = [
        sys.executable,
        "-m",
        "visionfleet.cli.app",
        "stream",
        "run",
        camera.url,
        "-m",
        "shapes-detector",
        "--json",
    ]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    # A shell that runs us in the background has us ignore SIGINT, and children inherit that.
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    process = subprocess.Popen(command, env=environment(streaming), preexec_fn=heed, **pipes)  # noqa: PLW1509 - no other thread runs here
    assert process.stdout is not None
    rows = [json.loads(process.stdout.readline()) for _ in range(3)]
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert [row["source_id"] for row in rows] == ["0"] * 3
    with Client(streaming.base_url) as other:
        assert until(lambda: other.streams.list() == [])


def test_a_source_that_fails_is_one_line(streaming: Launched, camera: Camera) -> None:
    refused = run_cli(streaming, "run", camera.path("nothing"), "--model", "shapes-detector")
    assert refused.returncode == 1
    assert len(refused.stderr.strip().splitlines()) == 1
