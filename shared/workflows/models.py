"""Model steps: the executor runs everything else itself and asks a ``ModelExecutor`` for these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from typing_extensions import override

from shared.errors import NoWorkerForHardware
from shared.jobs import Media
from shared.workflows.images import WorkflowImage


@dataclass(frozen=True)
class ModelCall:
    """One model, one set of parameters, all images of a step, or all texts: they go out together so that they batch.

    ``task`` is what the step needs the model to do; ``hardware`` where it should run, None for anywhere.
    """

    model_id: str
    images: Sequence[WorkflowImage]
    task: str
    params: Mapping[str, Any] = field(default_factory=dict)
    hardware: str | None = None
    texts: Sequence[str] = ()

    @property
    def media(self) -> Media:
        """What its inputs are."""
        return "text" if self.texts else "image"

    @property
    def written(self) -> list[bytes]:
        """Its texts as they travel."""
        return [text.encode() for text in self.texts]


class ModelExecutor(Protocol):
    """The local engine, or the fleet's queue."""

    def infer(self, call: ModelCall) -> list[dict[str, Any]]:
        """One answer per image or text, as in job results. Raises the VisionfleetError of the first that failed."""
        ...


class NoModels:
    """Where there is nothing to run models."""

    def infer(self, call: ModelCall) -> list[dict[str, Any]]:
        """Raises NoWorkerForHardware."""
        raise NoWorkerForHardware(f"Nothing here runs models, and a step needs {call.model_id}.")


class FixedModels:
    """Answers prepared beforehand, for tests: by model id, one per image, over and over."""

    def __init__(self, answers: Mapping[str, Sequence[dict[str, Any]]]) -> None:
        self._answers = answers
        self.calls: list[ModelCall] = []

    def infer(self, call: ModelCall) -> list[dict[str, Any]]:
        """The prepared answers."""
        self.calls.append(call)
        answers = self._answers[call.model_id]
        return [answers[i % len(answers)] for i in range(len(call.images) + len(call.texts))]

    @override
    def __repr__(self) -> str:
        return f"FixedModels({sorted(self._answers)})"
