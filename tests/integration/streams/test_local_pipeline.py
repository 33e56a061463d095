"""``InferencePipeline`` in this process: files to their last frame, cameras that come and go, errors that are told."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from visionfleet import InferencePipeline, PipelineWatchdog, StatusUpdate, VideoFrame
from visionfleet.errors import Conflict, InvalidRequest, VisionfleetError

from tests.cameras import film
from tests.cameras.camera import Camera

pytestmark = pytest.mark.integration
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film.write(tmp_path_factory.mktemp("video") / "film.mp4", 40, (320, 180))


def test_a_function_sees_every_frame_of_a_file_in_order(video: Path) -> None:
    seen: list[tuple[int, int, VideoFrame]] = []
    pipeline = InferencePipeline.init_with_custom_logic(
        str(video),
        on_video_frame=lambda frames: [film.number_of(frames[0].image)],
        on_prediction=lambda number, frame: seen.append((number, frame.frame_id, frame)),
    )
    pipeline.start()
    pipeline.join()
    assert [number for number, _, _ in seen] == list(range(40))
    assert [frame_id for _, frame_id, _ in seen] == list(range(1, 41))
    assert seen[0][2].comes_from_video_file
    assert seen[0][2].image.shape == (180, 320, 3)
    assert pipeline.watchdog.get_report().answered == 40
    with pytest.raises(Conflict):
        pipeline.start()


def test_a_model_answers_for_several_sources(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    seen: list[tuple[int, int]] = []
    pipeline = InferencePipeline.init(
        [str(video), str(video)],
        "shapes-detector",
        lambda answer, frame: seen.append((frame.source_id, len(answer["predictions"]))),
        native=True,
        confidence=0.4,
    )
    pipeline.start(use_main_thread=False)
    pipeline.join()
    assert [sum(source == one for source, _ in seen) for one in (0, 1)] == [40, 40]
    assert sum(found == 3 for _, found in seen) >= 76


WORKFLOW = {
    "version": "1.0",
    "inputs": [
        {"type": "WorkflowImage", "name": "image"},
        {"type": "WorkflowParameter", "name": "least", "default_value": 0.9},
    ],
    "steps": [
        {
            "type": "roboflow_core/roboflow_object_detection_model@v2",
            "name": "model",
            "images": "$inputs.image",
            "model_id": "shapes-detector",
            "confidence": "$inputs.least",
        },
        {
            "type": "roboflow_core/byte_tracker@v3",
            "name": "tracker",
            "image": "$inputs.image",
            "detections": "$steps.model.predictions",
        },
    ],
    "outputs": [{"type": "JsonField", "name": "tracked", "selector": "$steps.tracker.tracked_detections"}],
}


def test_a_workflow_runs_here_and_remembers_each_source(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    seen: list[tuple[int, int, list[Any]]] = []
    pipeline = InferencePipeline.init_with_workflow(
        [str(video), str(video)],
        WORKFLOW,
        lambda outputs, frame: seen.append((frame.source_id, frame.frame_id, outputs["tracked"]["predictions"])),
        workflows_parameters={"least": 0.4},
        native=True,
    )
    pipeline.start(use_main_thread=False)
    pipeline.join()
    of = {source: [found for one, _, found in seen if one == source] for source in (0, 1)}
    assert [len(rows) for rows in of.values()] == [40, 40]
    followed = [[sorted((row["class"], row["tracker_id"]) for row in found) for found in rows] for rows in of.values()]
    assert followed[0] == followed[1], "each source counts for itself, and the film is the same"
    assert {row["class"] for found in of[0] for row in found} == {"circle", "square", "triangle"}
    ids = [number for found in followed[0] for _, number in found]
    assert len(set(ids)) < len(ids) / 5, "it remembers from frame to frame"


def test_a_native_workflow_that_is_wrong_is_told_when_it_is_made(video: Path) -> None:
    with pytest.raises(InvalidRequest, match="workflow_specification"):
        InferencePipeline.init_with_workflow(str(video), workspace_name="local", workflow_id="x", native=True)
    broken = {**WORKFLOW, "outputs": [{"type": "JsonField", "name": "no", "selector": "$steps.nobody.output"}]}
    with pytest.raises(VisionfleetError, match="nobody"):
        InferencePipeline.init_with_workflow(str(video), broken, native=True)


def test_a_camera_is_followed_until_the_pipeline_is_ended() -> None:
    updates: list[StatusUpdate] = []
    enough = threading.Event()
    numbers: list[int] = []

    def take(number: int, _frame: VideoFrame) -> None:
        numbers.append(number)
        if len(numbers) >= 10:
            enough.set()

    with Camera(size=(320, 180), fps=30) as camera:
        pipeline = InferencePipeline.init_with_custom_logic(
            camera.url,
            lambda frames: [film.number_of(frames[0].image)],
            take,
            watchdog=PipelineWatchdog(updates.append),
        )
        pipeline.start(use_main_thread=False)
        assert enough.wait(20)
        pipeline.terminate()
        pipeline.join(10)
    assert numbers == sorted(numbers)
    assert {"PIPELINE_STARTED", "SOURCE_STATE_UPDATE", "PIPELINE_ENDED"} <= {one.event_type for one in updates}


def test_what_raises_in_the_users_code_is_told_and_ends_nothing(video: Path) -> None:
    updates: list[StatusUpdate] = []

    def work(frames: Any) -> list[int]:
        if frames[0].frame_id % 2:
            raise ValueError("odd")
        return [frames[0].frame_id]

    def callback(number: int, _frame: VideoFrame) -> None:
        if number > 20:
            raise RuntimeError("enough")

    pipeline = InferencePipeline.init_with_custom_logic(
        str(video), work, callback, watchdog=PipelineWatchdog(updates.append)
    )
    pipeline.start()
    report = pipeline.watchdog.get_report()
    assert (report.answered, report.drops) == (20, {"model_failed": 20})
    broken = [one for one in updates if one.event_type == "INFERENCE_RESULTS_DISPATCHING_ERROR"]
    assert len(broken) == 10
    assert "enough" in broken[0].payload["error"]


def test_a_source_that_cannot_be_opened_is_an_error_of_start(tmp_path: Path) -> None:
    pipeline = InferencePipeline.init_with_custom_logic(str(tmp_path / "none.mp4"), lambda frames: [0], None)
    with pytest.raises(VisionfleetError) as refused:
        pipeline.start()
    assert refused.value.code == "source_not_found"
