"""Model steps in this process, without any queue: for scripts, the command line and benchmarks."""

from __future__ import annotations

from typing import Any

from shared.errors import UnsupportedTask, VisionfleetError
from shared.workflows.models import ModelCall
from worker_service.engine.engine import Engine
from worker_service.engine.family import Image
from worker_service.workflows.models import three_channels


class LocalModels:
    """Runs model steps on an engine; it loads models that it does not hold yet."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def infer(self, call: ModelCall) -> list[dict[str, Any]]:
        """One answer per image. Raises what the first that failed raised, UnsupportedTask, ModelNotFound."""
        task = self._engine.get(call.model_id).manifest.task
        if task != call.task:
            raise UnsupportedTask(f"The model {call.model_id} does {task}, not {call.task}.")
        inputs: list[str] | list[Image] = list(call.texts) or [three_channels(image.pixels) for image in call.images]
        answers: list[dict[str, Any]] = []
        for answer in self._engine.infer(call.model_id, inputs, call.params):
            if isinstance(answer, VisionfleetError):
                raise answer
            answers.append(answer.to_dict())
        return answers
