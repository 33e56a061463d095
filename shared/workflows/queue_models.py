"""Model steps as jobs of the fleet: every image of a step goes out at once, so that workers batch them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.access.rights import EVERYTHING, Rights
from shared.errors import ModelNotFound, NoWorkerForHardware, VisionfleetError, from_dict
from shared.fleet.view import FleetView
from shared.jobs import Job, JobResult
from shared.queue.dispatcher import Dispatcher
from shared.settings import QueueSettings, RedisSettings
from shared.usage.use import INSIDE, Use, step_use
from shared.workflows.images import WorkflowImage
from shared.workflows.models import ModelCall

IMAGES_PER_JOB = 8
"""Enough that a job fills most batches, few enough that the crops of one image spread over several workers."""
LOSSLESS_BYTES = 262_144
"""Pixels of at most so many bytes travel uncompressed: a crop then gives the very result that it gives in-process."""


@dataclass(frozen=True)
class Circumstances:
    """What model steps inherit from the run that they belong to."""

    lane: str = "live"
    owner: str = ""
    timeout_ms: int = 60_000
    trace: dict[str, str] = field(default_factory=dict)
    rights: Rights = EVERYTHING
    used: Callable[[Use], None] | None = None
    """Told of what each step used, when the run counts for its steps."""


class QueueModels:
    """Runs model steps through the queue, from any thread. It has an event loop of its own; close it in the end."""

    def __init__(self, redis: RedisSettings, queue: QueueSettings) -> None:
        self._loop = asyncio.new_event_loop()
        self._dispatcher = Dispatcher(redis, queue)
        self._fleet = FleetView(redis, queue)
        self._thread = threading.Thread(target=self._loop.run_forever, name="model_steps", daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._dispatcher.start(), self._loop).result()

    def infer(self, call: ModelCall, circumstances: Circumstances = Circumstances()) -> list[dict[str, Any]]:
        """One answer per image. Raises what the first image or job that failed raised, QueueFull, QueueUnavailable."""
        waiting = asyncio.run_coroutine_threadsafe(self._call(call, circumstances), self._loop)
        return [answer for result in waiting.result() for answer in answers(result)]

    def close(self) -> None:
        """Stop the loop and close the connections."""
        for closing in (self._dispatcher.close(), self._fleet.close()):
            asyncio.run_coroutine_threadsafe(closing, self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _call(self, call: ModelCall, circumstances: Circumstances) -> list[JobResult]:
        model = await self._find(call)
        circumstances.rights.check(model)
        inputs = call.written or [await asyncio.to_thread(encoded, image) for image in call.images]
        jobs = [self._job(model, call, part, circumstances) for part in _chunks(inputs)]
        results = await self._dispatcher.call(jobs)
        if circumstances.used is not None:
            for job, result in zip(jobs, results, strict=True):
                circumstances.used(step_use(job, result, result.timings.get("infer_ms", 0.0)))
        return results

    async def _find(self, call: ModelCall) -> str:
        """The model's id. Raises what would leave the jobs without a worker: ModelNotFound, NoWorkerForHardware."""
        fleet = await self._fleet.snapshot()
        model = fleet.resolve(call.model_id)
        if model is None:
            raise ModelNotFound(f"There is no model {call.model_id!r}.", model=call.model_id)
        wanted = call.hardware or "any"
        if not model.available_on or (wanted != "any" and wanted not in model.available_on):
            raise NoWorkerForHardware(f"No live worker runs {call.model_id!r} on {wanted}.", hardware=wanted)
        return model.id

    @staticmethod
    def _job(model: str, call: ModelCall, inputs: Sequence[bytes], circumstances: Circumstances) -> Job:
        return Job(
            model=model,
            inputs=list(inputs),
            media=call.media,
            task=call.task,
            params=dict(call.params),
            hardware=call.hardware or "any",
            lane=circumstances.lane,
            timeout_ms=circumstances.timeout_ms,
            trace=circumstances.trace,
            owner=circumstances.owner,
            key=INSIDE if circumstances.used is not None else "",
        )


def answers(result: JobResult) -> list[dict[str, Any]]:
    """What a job answered for each image. Raises the first error there is."""
    result.raise_for_error()
    failed = [output["error"] for output in result.outputs if "error" in output]
    if failed:
        raise from_dict(failed[0])
    if not result.outputs:
        raise VisionfleetError("The worker's answer is incomplete.")
    return [output["output"] for output in result.outputs]


def encoded(image: WorkflowImage) -> bytes:
    """The bytes that came in; small pixels without loss; others as JPEG."""
    if image.original is not None:
        return image.original
    return image.bitmap() if image.pixels.nbytes <= LOSSLESS_BYTES else image.encoded


def _chunks(images: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    for start in range(0, len(images), IMAGES_PER_JOB):
        yield images[start : start + IMAGES_PER_JOB]
