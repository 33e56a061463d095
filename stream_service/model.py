"""A model on every frame: the frame as a job in the workers' queues, its answer back in pixels of the source.

Live frames are ordinary ``live`` jobs with a short deadline, so that frames of different cameras share batches without
waiting for each other. Frames of files are ``bulk`` jobs, tried again until they have an answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Protocol

from typing_extensions import override

from shared.access.rights import Rights
from shared.drawing.annotate import scaled
from shared.errors import (
    DeadlineExceeded,
    InferenceFailed,
    ModelNotFound,
    NoWorkerForHardware,
    QueueFull,
    QueueUnavailable,
    VisionfleetError,
    from_dict,
)
from shared.fleet.state import Fleet, ModelInfo
from shared.jobs import Job, JobResult
from shared.streams.spec import ModelSpec, PipelineSpec
from stream_service.budget import Budget
from stream_service.frame import Cause, Frame
from stream_service.picture import Jpeg
from stream_service.processor import Outcome, Processor
from stream_service.tracking import Tracker

FILE_TIMEOUT_MS = 60_000
AGAIN_S, AGAIN_MOST_S = 0.2, 5.0
FULL_SIZE_TASKS = frozenset({"semantic-segmentation"})
"""What answers with bitmaps, which cannot be scaled afterwards without loss."""


class Caller(Protocol):
    """Runs jobs and waits: the Dispatcher."""

    async def call(self, jobs: Sequence[Job]) -> list[JobResult]:
        """One result per job. Raises QueueFull, QueueUnavailable."""
        ...


@dataclass(frozen=True)
class Machinery:
    """What all processors of this service share."""

    jobs: Caller
    fleet: Callable[[], Awaitable[Fleet]]
    encoders: Executor
    budget: Budget


class ModelProcessor(Processor):
    """Of one source."""

    def __init__(self, spec: PipelineSpec, model: ModelSpec, of: tuple[str, Rights], machinery: Machinery) -> None:
        """``of``: id of the stream, and what it may use."""
        self._spec = spec
        self._model = model
        self._stream_id, self._rights = of
        self._machinery = machinery
        self._tracker = Tracker() if model.tracking else None

    @override
    def adapt(self, spec: PipelineSpec) -> bool:
        """New parameters and limits count from the next frame; another model needs another processor."""
        new = spec.model
        if new is None or (new.model_id, new.tracking) != (self._model.model_id, self._model.tracking):
            return False
        self._spec, self._model = spec, new
        return True

    @override
    async def finish(self, frame: Frame, outcome: Outcome) -> Outcome:
        if self._tracker is not None and outcome.predictions is not None:
            outcome.predictions = self._tracker.follow(outcome.predictions)
        return outcome

    @override
    def reset(self) -> None:
        if self._tracker is not None:
            self._tracker.reset()

    @override
    async def begin(self, frame: Frame) -> Outcome:
        outcome, pause = await self._once(frame), AGAIN_S
        while not self.live and outcome.cause and outcome.cause != "model_failed":
            await asyncio.sleep(pause)
            pause = min(AGAIN_MOST_S, pause * 2)
            outcome = await self._once(frame)
        return outcome

    async def _once(self, frame: Frame) -> Outcome:
        timings: dict[str, float] = {}
        try:
            info = await self._placed()
            began = time.perf_counter()
            jpeg = await self._encoded(frame, info)
            timings["encode_ms"] = (time.perf_counter() - began) * 1000
            async with self._machinery.budget.hold(len(jpeg.data)):
                (result,) = await self._machinery.jobs.call([self._job(jpeg, frame)])
            timings |= result.timings
            return Outcome(predictions=mapped(output_of(result), frame), timings=timings)
        except VisionfleetError as error:
            return Outcome(cause=cause_of(error), error=error.to_dict(), timings=timings)

    async def _placed(self) -> ModelInfo:
        """What is known of the model. What nobody would run is not queued: ModelNotFound, NoWorkerForHardware."""
        return placed(await self._machinery.fleet(), self._model.model_id, self._model.hardware, self._rights)

    async def _encoded(self, frame: Frame, info: ModelInfo) -> Jpeg:
        longest = longest_side(self._spec, self._model, info)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._machinery.encoders, frame.picture.jpeg, self._spec.jpeg_quality, longest
        )

    def _job(self, jpeg: Jpeg, frame: Frame) -> Job:
        spent_ms = (time.monotonic() - frame.captured) * 1000
        left_ms = max(1, int(self._spec.deadline_ms - spent_ms)) if self.live else FILE_TIMEOUT_MS
        return Job(
            model=self._model.model_id,
            inputs=[jpeg.data],
            params=self._model.params,
            hardware=self._model.hardware,
            lane="live" if self.live else "bulk",
            timeout_ms=left_ms,
            trace={"stream": self._stream_id, "source": frame.source_id, "frame": str(frame.number)},
            owner=self._rights.owner,
        )


def placed(fleet: Fleet, model_id: str, hardware: str, rights: Rights) -> ModelInfo:
    """The model of that id or alias. Raises ModelNotFound, and NoWorkerForHardware when nobody could run it now."""
    if not fleet.serves(hardware):
        raise NoWorkerForHardware("No live worker takes jobs for this stream; start one.")
    info = fleet.resolve(model_id)
    if info is None:
        raise ModelNotFound(f"There is no model {model_id!r}.", model=model_id)
    rights.check(info.id)
    if not info.available_on or hardware not in ("any", *info.available_on):
        raise NoWorkerForHardware(f"No live worker runs {model_id!r} on {hardware}.", hardware=hardware)
    return info


def longest_side(spec: PipelineSpec, model: ModelSpec, info: ModelInfo) -> int:
    """The longer side in pixels of the frames to send; 0 for full size. Larger than the model's input is waste."""
    if spec.resolution == "full":
        return 0
    if info.task in FULL_SIZE_TASKS or "rle" in str(model.params.get("response_mask_format")):
        return 0
    if isinstance(spec.resolution, int):
        return spec.resolution
    if not info.input_width or not info.input_height:
        return 0
    return max(info.input_width, info.input_height)


def output_of(result: JobResult) -> dict[str, Any]:
    """The answer to the one image. Raises the error that it ended with."""
    result.raise_for_error()
    if not result.outputs:
        raise InferenceFailed("The worker's answer is incomplete.")
    if "error" in result.outputs[0]:
        raise from_dict(result.outputs[0]["error"])
    output: dict[str, Any] = result.outputs[0]["output"]
    return output


def mapped(output: dict[str, Any], frame: Frame) -> dict[str, Any]:
    """The answer in pixels of the source: each axis by its own ratio, because scaled sizes are whole numbers."""
    width, height = frame.picture.width, frame.picture.height
    answer = {name: value for name, value in output.items() if name not in ("task", "visualization")}
    rows = answer.get("predictions")
    if isinstance(rows, list) and rows and "x" in rows[0]:
        return scaled(answer, width, height)
    return {**answer, "image": {"width": width, "height": height}}


def cause_of(error: VisionfleetError) -> Cause:
    """How a failure is counted."""
    if isinstance(error, NoWorkerForHardware):
        return "no_worker"
    if isinstance(error, DeadlineExceeded):
        return "expired"
    if isinstance(error, QueueFull):
        return "queue_full"
    if isinstance(error, QueueUnavailable):
        return "queue_unavailable"
    return "model_failed"
