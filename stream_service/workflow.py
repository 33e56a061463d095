"""A workflow on every frame: run where the stream is, because trackers and counters remember; models run in workers.

Each source has a session of its own, in which frames follow one another in order. A root image is the frame itself: its
pixels are made only when a step looks at them, and model steps send it scaled, as a plain model would.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from shared.access.rights import Rights
from shared.drawing.annotate import scaled
from shared.errors import DeadlineExceeded, InvalidRequest, Unavailable, VisionfleetError
from shared.jobs import Job
from shared.redis import SyncRedis
from shared.streams.spec import ModelSpec, PipelineSpec, WorkflowSpec
from shared.workflows import store
from shared.workflows.executor import Executor
from shared.workflows.images import ImageParentMetadata, Pixels, VideoMetadata, WorkflowImage
from shared.workflows.models import ModelCall
from shared.workflows.plan import Plan
from shared.workflows.services import Services
from shared.workflows.settings import WorkflowSettings
from stream_service.frame import Frame
from stream_service.model import (
    AGAIN_MOST_S,
    AGAIN_S,
    FILE_TIMEOUT_MS,
    Machinery,
    cause_of,
    longest_side,
    output_of,
    placed,
)
from stream_service.picture import Picture
from stream_service.processor import Outcome, Processor

if TYPE_CHECKING:
    from shared.workflows.session import Session

LATE = DeadlineExceeded("The workflow was not done with the frame within the stream's deadline.")


@dataclass(frozen=True)
class WorkflowMachinery:
    """What the workflows of this service share. ``redis`` has saved workflows, and what is counted over streams."""

    threads: ThreadPoolExecutor
    executor: Executor
    settings: WorkflowSettings
    redis: SyncRedis


class FrameImage(WorkflowImage):
    """A frame as a workflow's input image."""

    def __init__(self, frame: Frame, name: str, video: VideoMetadata) -> None:
        super().__init__(ImageParentMetadata(name), encoded=b"", video=video)
        self._encoded = None
        self.picture: Picture = frame.picture

    @property
    @override
    def pixels(self) -> Pixels:
        return self.picture.bgr()

    @property
    @override
    def numpy_image(self) -> Pixels:
        return self.picture.bgr()

    @property
    @override
    def size(self) -> tuple[int, int]:
        return self.picture.width, self.picture.height

    @override
    def jpeg(self, quality: int = 95) -> bytes:
        return self.picture.jpeg(quality).data


class WorkflowProcessor(Processor):
    """Of one source. The workflow is compiled in a thread: loading its blocks takes seconds the first time."""

    def __init__(
        self,
        spec: PipelineSpec,
        workflow: WorkflowSpec,
        of: tuple[str, Rights],
        machinery: Machinery,
        own: WorkflowMachinery,
    ) -> None:
        self._spec = spec
        self._workflow = workflow
        self._stream_id, self._rights = of
        self._machinery = machinery
        self._own = own
        self._plan: Plan | None = None
        self._session: Session | None = None
        self._models = StreamModels(self, asyncio.get_running_loop())
        self.frame: Frame | None = None

    @override
    def adapt(self, spec: PipelineSpec) -> bool:
        if spec.workflow != self._workflow:
            return False
        self._spec = spec
        return True

    @override
    async def prepare(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._own.threads, self._loaded)

    @override
    async def finish(self, frame: Frame, outcome: Outcome) -> Outcome:
        loop, began = asyncio.get_running_loop(), time.perf_counter()
        self.frame = frame
        try:
            outputs = await loop.run_in_executor(self._own.threads, self._run, frame)
        except VisionfleetError as error:
            return Outcome(cause=cause_of(error), error=error.to_dict())
        total_ms = (time.perf_counter() - began) * 1000
        return Outcome(outputs=outputs, timings={"total_ms": total_ms})

    @override
    def reset(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            self._own.threads.submit(session.close)

    @override
    async def close(self) -> None:
        self.reset()

    @property
    def left_ms(self) -> int:
        """What is left of the present frame's time; for files it does not run out."""
        if not self.live or self.frame is None:
            return FILE_TIMEOUT_MS
        return int(self._spec.deadline_ms - (time.monotonic() - self.frame.captured) * 1000)

    async def infer(self, call: ModelCall) -> list[dict[str, Any]]:
        """A model step: one job per image, so that crops of one frame spread over workers and batch there."""
        info = placed(await self._machinery.fleet(), call.model_id, call.hardware or "any", self._rights)
        as_model = ModelSpec(model_id=call.model_id, params=dict(call.params))
        longest = longest_side(self._spec, as_model, info)
        loop = asyncio.get_running_loop()
        work = [
            loop.run_in_executor(self._machinery.encoders, encoded, image, self._spec.jpeg_quality, longest)
            for image in call.images
        ]
        inputs = call.written or await asyncio.gather(*work)
        jobs = [self._job(call, info.id, each) for each in inputs]
        async with self._machinery.budget.hold(sum(map(len, inputs))):
            results = await self._machinery.jobs.call(jobs)
        outputs = [output_of(result) for result in results]
        if call.texts:
            return outputs
        return [back(output, image) for output, image in zip(outputs, call.images, strict=True)]

    def _job(self, call: ModelCall, model: str, data: bytes) -> Job:
        return Job(
            model=model,
            inputs=[data],
            media=call.media,
            task=call.task,
            params=dict(call.params),
            hardware=call.hardware or "any",
            lane="live" if self.live else "bulk",
            timeout_ms=max(1, self.left_ms),
            trace={"stream": self._stream_id},
            owner=self._rights.owner,
        )

    def _loaded(self) -> None:
        import shared.workflows.session  # noqa: F401, PLC0415 - as the compiler

        self._compiled()

    def _compiled(self) -> Plan:
        from shared.workflows.compiler import compile_workflow  # noqa: PLC0415 - seconds, for streams with workflows only
        from shared.workflows.plugins import catalog  # noqa: PLC0415 - as the compiler

        if self._plan is None:
            given = self._workflow.specification
            if given is None:
                raise InvalidRequest("The saved workflow was not found when the stream was made; make the stream anew.")
            self._plan = compile_workflow(given, catalog(), self._saved)
        return self._plan

    def _saved(self, workspace: str, workflow_id: str, version: str | None) -> dict[str, Any]:
        """An inner workflow. Raises WorkflowNotFound, QueueUnavailable."""
        if workspace != store.LOCAL:
            raise store.WorkflowNotFound(f"There is no workspace {workspace!r} here; saved workflows are in 'local'.")
        return store.find(self._own.redis, workflow_id, version, self._rights.sees).definition

    def _run(self, frame: Frame) -> dict[str, Any]:
        from shared.workflows.session import Session  # noqa: PLC0415 - as the compiler

        plan = self._compiled()
        if self._session is None:
            services = Services(
                models=self._models,
                settings=self._own.settings,
                redis=self._own.redis,
                background=lambda work: _later(self._own.threads, work),
            )
            self._session = Session(plan, services, executor=self._own.executor)
        return self._session.run(self._given(plan, frame), serialised=True, proceed=self._proceed).outputs[0]

    def _given(self, plan: Plan, frame: Frame) -> dict[str, Any]:
        workflow = self._workflow
        video = VideoMetadata(
            video_identifier=f"{self._stream_id}/{frame.source_id}",
            frame_number=frame.number,
            frame_timestamp=datetime.fromtimestamp(frame.captured_at, timezone.utc),
            fps=frame.fps or 30.0,
            comes_from_video_file=not self.live,
        )
        image = FrameImage(frame, f"{workflow.image_input_name}.[0]", video)
        given = {**workflow.parameters, workflow.image_input_name: image}
        if workflow.video_metadata_input_name in plan.inputs:
            given[workflow.video_metadata_input_name] = video
        return given

    def _proceed(self) -> None:
        if self.left_ms <= 0:
            raise LATE


class StreamModels:
    """The workflow's model executor: from its threads onto the event loop. For files it does not give up."""

    def __init__(self, processor: WorkflowProcessor, loop: asyncio.AbstractEventLoop) -> None:
        self._processor = processor
        self._loop = loop

    def infer(self, call: ModelCall) -> list[dict[str, Any]]:
        """One answer per image. Raises what the first image or job that failed raised."""
        pause = AGAIN_S
        while True:
            try:
                return asyncio.run_coroutine_threadsafe(self._processor.infer(call), self._loop).result()
            except (Unavailable, DeadlineExceeded):
                if self._processor.live:
                    raise
            time.sleep(pause)
            pause = min(AGAIN_MOST_S, pause * 2)


def encoded(image: WorkflowImage, quality: int, longest: int) -> bytes:
    """The image as a file for a worker: a frame scaled, everything else as it is."""
    if isinstance(image, FrameImage):
        return image.picture.jpeg(quality, longest).data
    return image.encoded


def back(output: dict[str, Any], image: WorkflowImage) -> dict[str, Any]:
    """An answer in pixels of the image that the step was given."""
    rows = output.get("predictions")
    if isinstance(image, FrameImage) and isinstance(rows, list) and rows and "x" in rows[0]:
        return scaled(output, *image.size)
    width, height = image.size if isinstance(image, FrameImage) else (0, 0)
    return {**output, "image": {"width": width, "height": height}} if width else output


def _later(threads: ThreadPoolExecutor, work: Callable[[], Any]) -> None:
    threads.submit(work)
