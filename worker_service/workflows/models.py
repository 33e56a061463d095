"""Model steps of a run in a worker: in this process's own pipeline where it holds the model, else as jobs."""

from __future__ import annotations

from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any

import numpy as np

from shared.errors import DeadlineExceeded
from shared.jobs import Job
from shared.usage.use import step_use
from shared.workflows.models import ModelCall
from shared.workflows.queue_models import Circumstances, QueueModels, answers
from worker_service.consumer.inprocess import InProcess
from worker_service.consumer.pipeline import Pipeline
from worker_service.engine.engine import Engine
from worker_service.engine.family import Image


class WorkerModels:
    """For one run. Pixels move by reference inside the process, as files between processes."""

    def __init__(self, engine: Engine, pipeline: Pipeline, queue: QueueModels, circumstances: Circumstances) -> None:
        self._engine = engine
        self._pipeline = pipeline
        self._queue = queue
        self._circumstances = circumstances

    def infer(self, call: ModelCall) -> list[dict[str, Any]]:
        """One answer per image. Raises what the first that failed raised, ModelNotFound for what may not be used."""
        if self._is_here(call):
            self._circumstances.rights.check(self._engine.repository.resolve(call.model_id))
            return self._here(call)
        return self._queue.infer(call, self._circumstances)

    def _is_here(self, call: ModelCall) -> bool:
        if call.hardware not in (None, "any", self._engine.runtime.hardware):
            return False
        return self._engine.holds(call.model_id)

    def _here(self, call: ModelCall) -> list[dict[str, Any]]:
        around = self._circumstances
        job = Job(
            model=call.model_id,
            inputs=call.written or [b""] * len(call.images),
            media=call.media,
            task=call.task,
            params=dict(call.params),
            lane=around.lane,
            timeout_ms=around.timeout_ms,
            trace=around.trace,
            owner=around.owner,
        )
        mine = InProcess(job, [three_channels(image.pixels) for image in call.images])
        self._pipeline.accept(mine)
        try:
            result = mine.future.result(around.timeout_ms / 1000)
        except FutureTimeout:
            mine.lost = True
            raise DeadlineExceeded("A model step was not finished within the run's time limit.") from None
        if around.used is not None:
            around.used(step_use(job, result, mine.infer_ms))
        return answers(result)


def three_channels(pixels: Image) -> Image:
    """Grey pixels as three equal channels."""
    return pixels if pixels.ndim == 3 else np.repeat(pixels[:, :, None], 3, axis=2)
