"""An engine without networks: an image is the bytes ``<name>``, some names make a phase fail."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from shared.errors import InvalidImage, InvalidRequest, ModelNotFound
from shared.jobs import Job, JobResult
from shared.queue.consumer import Taken
from worker_service.consumer.pipeline import Pipeline, Threads
from worker_service.consumer.work import Item, Work
from worker_service.engine.family import Prepared


@dataclass
class Answer:
    name: str

    def to_dict(self) -> dict[str, Any]:
        if self.name == "unwritable":
            return {"name": object()}
        return {"name": self.name}


@dataclass
class FakeModel:
    """Answers each image with its name. ``gate`` holds back ``infer`` while it is not set."""

    name: str = "m"
    max_batch: int = 4
    bytes: int = 0
    batches: list[list[str]] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.manifest = SimpleNamespace(id=self.name, task="classification")
        self.gate.set()

    def params(self, values: Mapping[str, Any]) -> Any:
        if "bad" in values:
            raise InvalidRequest("Parameter 'bad'.")
        if "crash" in values:
            raise RuntimeError("a bug")
        return dict(values)

    def preprocess(self, image: Any, params: Any) -> Prepared:
        return Prepared({"x": image}, geometry=None, image=(1, 1))  # type: ignore[arg-type]

    def infer(self, batch: Sequence[Prepared]) -> list[Any]:
        names = [str(item.tensors["x"]) for item in batch]
        self.batches.append(names)
        self.gate.wait(10)
        if "fatal" in names:
            raise RuntimeError("the graph refused")
        return [name for name in names if name != "short"]

    def postprocess(self, raw: Any, prepared: Prepared, params: Any) -> Any:
        if raw == "odd":
            raise ValueError("a bug in postprocessing")
        return Answer(raw)


class FakeEngine:
    def __init__(self, *models: FakeModel) -> None:
        self.models = {model.name: model for model in models}
        self.decoded: list[str] = []
        self.loaded: tuple[float, float] = (0.0, 0.0)  # when (ms), and how long it took

    def get(self, model_id: str) -> FakeModel:
        if model_id not in self.models:
            raise ModelNotFound("There is no such model.")
        return self.models[model_id]

    def load_since(self, model_id: str, since_ms: float) -> float | None:
        ended, spent = self.loaded
        return spent if ended > since_ms else None

    def digest(self, model_id: str) -> str:
        return "d1"

    def turn(self) -> AbstractContextManager[None]:
        return nullcontext()

    def decode(self, data: bytes, params: Any) -> str:
        name = data.decode()
        self.decoded.append(name)
        if name == "broken":
            raise InvalidImage("no image")
        if name == "bug":
            raise ZeroDivisionError
        return name


class Finished:
    """What the pipeline calls at the end; fails as Redis's client would on a value that msgpack cannot write."""

    def __init__(self) -> None:
        self.results: list[JobResult] = []
        self._changed = threading.Condition()

    def __call__(self, ended: Sequence[tuple[Taken, JobResult]]) -> None:
        if any(type(entry.get("output", {}).get("name")) is object for _, result in ended for entry in result.outputs):
            raise TypeError("can not serialize 'object'")
        with self._changed:
            self.results += [result for _, result in ended]
            self._changed.notify_all()

    def wait(self, count: int) -> dict[str, JobResult]:
        """The results by job id, when there are ``count``; never more."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.results) >= count, 30), f"only {len(self.results)} ended"
            assert len(self.results) == count
            return {result.id: result for result in self.results}


def take(*names: str, model: str = "m", waited_ms: int = 0, attempt: int = 1, **job: Any) -> Taken:
    """A delivery of a job whose id is its first image's name."""
    made = Job(model, [name.encode() for name in names], **{"id": names[0] if names else "none", **job})
    return Taken("stream", "1-0", attempt, waited_ms, {}, made)


class Division:
    """Whether the runs of the pipelines that are made prepare their own images."""

    whole = False


def pipeline(finish: Finished, *models: FakeModel, prefetch: int = 8, runs: int = 1) -> tuple[Pipeline, FakeEngine]:
    engine = FakeEngine(*(models or (FakeModel(),)))
    made = Pipeline(engine, finish, Threads(1, runs, whole=Division.whole), prefetch, ("w1", "cpu"))  # type: ignore[arg-type]
    made.start()
    return made, engine


def item(name: str, model: FakeModel, lane: str = "live") -> Item:
    taken = take(name, model=model.name, lane=lane)
    return Item(Work(taken, model, "d1", None, [None]), 0)  # type: ignore[arg-type]
