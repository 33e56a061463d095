"""A worker whose model sleeps; the rest is real. ``python -m bench.pool.worker URL NAME MS AHEAD_MS``."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import AbstractContextManager, nullcontext
from types import SimpleNamespace
from typing import Any

from shared.queue.consumer import QueueConsumer
from shared.redis import connect
from shared.settings import QueueSettings, RedisSettings
from worker_service.consumer.intake import Intake
from worker_service.consumer.pipeline import Pipeline, Threads
from worker_service.engine.family import Prepared

MODEL = "sleeper"


class Sleeper:
    """Takes so long for each image, and no processor."""

    max_batch = 2

    def __init__(self, milliseconds: float) -> None:
        self.manifest = SimpleNamespace(id=MODEL, task="classification")
        self._seconds = milliseconds / 1000

    def params(self, values: Any) -> Any:
        return values

    def preprocess(self, image: Any, params: Any) -> Prepared:
        return Prepared({"x": image}, geometry=None, image=(1, 1))  # type: ignore[arg-type]

    def infer(self, batch: list[Prepared]) -> list[Any]:
        time.sleep(self._seconds * len(batch))
        return [b""] * len(batch)

    def postprocess(self, raw: Any, prepared: Prepared, params: Any) -> Any:
        return SimpleNamespace(to_dict=dict)


class Engine:
    """What the pipeline asks of an engine, for that model alone."""

    def __init__(self, model: Sleeper) -> None:
        self._model = model

    def get(self, model_id: str) -> Sleeper:
        return self._model

    def digest(self, model_id: str) -> str:
        return ""

    def load_since(self, model_id: str, since_ms: float) -> None:
        return None

    def turn(self) -> AbstractContextManager[None]:
        return nullcontext()

    def decode(self, data: bytes, params: Any) -> bytes:
        return data


def main(url: str, name: str, milliseconds: float, ahead_ms: float) -> None:
    queue = QueueConsumer(connect(RedisSettings(redis_url=url)), QueueSettings(), name)
    engine: Any = Engine(Sleeper(milliseconds))
    pipeline = Pipeline(engine, queue.finish, Threads(2, 1, 20.0, ahead_ms), 8, (name, "cpu"))
    pipeline.start()
    Intake(queue, pipeline, lambda: [MODEL], "cpu").start()
    threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4]))
