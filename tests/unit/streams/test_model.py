"""Frames as jobs: what is sent, that cameras' jobs may share a batch, and that answers are in pixels of the source."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cv2
import numpy as np
import pytest

from shared.access.rights import EVERYTHING
from shared.errors import DeadlineExceeded, NoWorkerForHardware, QueueFull, VisionfleetError
from shared.fleet.state import Fleet, ModelInfo, WorkerInfo
from shared.jobs import Job, JobResult
from shared.streams.spec import ModelSpec, PipelineSpec
from stream_service.budget import Budget
from stream_service.frame import Frame
from stream_service.model import Machinery, ModelProcessor
from stream_service.picture import ArrayPicture

WIDTH, HEIGHT = 1000, 333
"""Scaled to 640 on the longer side it is 640 x 213: the axes have different ratios."""
WORKER = WorkerInfo("w", "cpu", "host", 1, "1", 0, state="ready")
SHAPES = ModelInfo("shapes", "object-detection", "yolo", input_width=640, input_height=640, available_on=["cpu"])
SPEC: dict[str, Any] = {"sources": [{"reference": "rtsp://cam"}], "model": {"model_id": "shapes"}, "deadline_ms": 1500}


class Workers:
    """Answers each job with one box over the right lower quarter of the picture that was sent."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.sizes: list[tuple[int, int]] = []
        self.fleet = Fleet([WORKER], {"shapes": SHAPES})
        self.failures: list[VisionfleetError] = []

    async def state(self) -> Fleet:
        return self.fleet

    async def call(self, jobs: Sequence[Job]) -> list[JobResult]:
        self.jobs += jobs
        if self.failures:
            raise self.failures.pop()
        return [JobResult(job.id, "succeeded", [{"output": self._answer(job.inputs[0])}]) for job in jobs]

    def _answer(self, data: Any) -> dict[str, Any]:
        height, width = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape[:2]  # type: ignore[union-attr] # it is one
        self.sizes.append((width, height))
        box = {"x": width * 0.75, "y": height * 0.75, "width": width / 2, "height": height / 2}
        corners = [{"x": width / 2, "y": height / 2}, {"x": float(width), "y": float(height)}]
        row = {**box, "points": corners, "keypoints": corners[1:], "class": "a"}
        return {"image": {"width": width, "height": height}, "predictions": [row]}


@pytest.fixture
def workers() -> Workers:
    return Workers()


@pytest.fixture
def machinery(workers: Workers) -> Iterator[Machinery]:
    with ThreadPoolExecutor(1) as threads:
        yield Machinery(workers, workers.state, threads, Budget(10**6))


def processor(machinery: Machinery, stream: str = "s", **spec: Any) -> ModelProcessor:
    made = PipelineSpec.model_validate({**SPEC, **spec})
    return ModelProcessor(made, ModelSpec(model_id="shapes"), (stream, EVERYTHING), machinery)


def frame(source: str = "0") -> Frame:
    picture = ArrayPicture(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    return Frame(source, 0, 1, 1, time.monotonic(), time.time(), 0.0, picture)


@pytest.mark.parametrize(("resolution", "size"), [("model", (640, 213)), ("full", (WIDTH, HEIGHT)), (320, (320, 107))])
async def test_boxes_are_mapped_back_exactly_whatever_was_sent(
    machinery: Machinery, workers: Workers, resolution: Any, size: tuple[int, int]
) -> None:
    outcome = await processor(machinery, resolution=resolution).begin(frame())
    assert workers.sizes == [size]
    assert outcome.predictions is not None
    assert outcome.predictions["image"] == {"width": WIDTH, "height": HEIGHT}
    (row,) = outcome.predictions["predictions"]
    assert (row["x"], row["y"]) == pytest.approx((WIDTH * 0.75, HEIGHT * 0.75))
    assert (row["width"], row["height"]) == pytest.approx((WIDTH / 2, HEIGHT / 2))
    corners = [value for point in row["points"] for value in (point["x"], point["y"])]
    assert corners == pytest.approx([WIDTH / 2, HEIGHT / 2, WIDTH, HEIGHT])
    assert row["keypoints"] == row["points"][1:]


async def test_frames_of_different_cameras_and_streams_go_to_one_queue(machinery: Machinery, workers: Workers) -> None:
    """What decides about a batch is the same for all; there is nothing that one camera waits for."""
    for stream, source in (("s", "0"), ("s", "1"), ("t", "0")):
        await processor(machinery, stream).begin(frame(source))
    assert {(job.model, job.lane, job.hardware, job.task, str(job.params)) for job in workers.jobs} == {
        ("shapes", "live", "any", None, "{}")
    }
    assert all(0 < job.timeout_ms <= 1500 for job in workers.jobs)


async def test_a_file_is_bulk_and_tried_again_until_it_has_an_answer(machinery: Machinery, workers: Workers) -> None:
    workers.failures = [QueueFull("full"), DeadlineExceeded("late")]
    made = processor(machinery)
    made.live = False
    outcome = await made.begin(frame())
    assert (outcome.cause, [job.lane for job in workers.jobs]) == ("", ["bulk"] * 3)


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (QueueFull("full"), "queue_full"),
        (DeadlineExceeded("late"), "expired"),
        (NoWorkerForHardware("no"), "no_worker"),
    ],
)
async def test_a_live_frame_is_lost_with_its_cause(
    machinery: Machinery, workers: Workers, error: VisionfleetError, cause: str
) -> None:
    workers.failures = [error]
    outcome = await processor(machinery).begin(frame())
    assert (outcome.cause, len(workers.jobs)) == (cause, 1)
    assert outcome.error is not None


async def test_what_nobody_runs_is_not_queued(machinery: Machinery, workers: Workers) -> None:
    workers.fleet = Fleet([], {"shapes": SHAPES})
    assert (await processor(machinery).begin(frame())).cause == "no_worker"
    assert workers.jobs == []
