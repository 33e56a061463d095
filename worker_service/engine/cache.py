"""Loaded models: few, bounded in memory, each loaded once however many ask at the same time."""

from __future__ import annotations

import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Lock

from worker_service.engine.family import AnyModel


@dataclass(frozen=True)
class HeldModel:
    """A model in memory. ``bytes`` is the model's own estimate."""

    id: str
    digest: str
    bytes: int
    pinned: bool


class ModelCache:
    """The least recently used model leaves when there are too many, or too many bytes; pinned ones never do.

    Leaving means that the cache lets go: whoever still runs the model holds it, and its memory goes with the last of
    them. The model just loaded stays even when it alone is over the limit, since somebody waits for it.
    """

    def __init__(self, load: Callable[[str], tuple[AnyModel, str]], max_models: int, max_bytes: int) -> None:
        """``load`` returns a model and its digest; ``max_bytes`` 0 is no limit on bytes."""
        self._load = load
        self._max_models = max_models
        self._max_bytes = max_bytes
        self._pinned: set[str] = set()
        self._held: OrderedDict[str, tuple[AnyModel, str]] = OrderedDict()
        self._loading: dict[str, Future[AnyModel]] = {}
        self._loads: dict[str, tuple[float, float]] = {}  # end (ms of the monotonic clock) and length of the last load
        self._counts: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        self._lock = Lock()

    def get(self, model_id: str, digest: str | None = None) -> AnyModel:
        """The model; loads it when it is not held, or held with another digest. Raises what ``load`` raises."""
        with self._lock:
            held = self._held.get(model_id)
            if held is not None and digest in (None, held[1]):
                self._held.move_to_end(model_id)
                self._counts[model_id]["cache_hits"] += 1
                return held[0]
            pending = self._loading.get(model_id)
            ours: Future[AnyModel] = Future()
            if pending is None:
                self._loading[model_id] = ours
        return self._fill(model_id, ours) if pending is None else pending.result()

    def held(self) -> list[HeldModel]:
        """Models in memory, least recently used first."""
        with self._lock:
            return [HeldModel(i, digest, m.bytes, i in self._pinned) for i, (m, digest) in self._held.items()]

    def counts(self) -> dict[str, dict[str, float]]:
        """By model, what only grows: cache_hits, loads, load_ms, load_failures, evictions."""
        with self._lock:
            return {model_id: dict(counts) for model_id, counts in self._counts.items()}

    def load_since(self, model_id: str, since_ms: float) -> float | None:
        """How long loading took (ms), when it ended after that moment of the monotonic clock; else None."""
        with self._lock:
            ended, spent = self._loads.get(model_id, (0.0, 0.0))
        return spent if ended > since_ms else None

    def pin(self, model_id: str) -> None:
        """Never evict the model from now on, held already or not."""
        with self._lock:
            self._pinned.add(model_id)

    def unload(self, model_id: str) -> bool:
        """Let go of a model, pinned or not; False when it was not held. Runs in progress finish undisturbed."""
        with self._lock:
            self._pinned.discard(model_id)
            return self._held.pop(model_id, None) is not None

    def _fill(self, model_id: str, future: Future[AnyModel]) -> AnyModel:
        """Load for everybody who waits on ``future``."""
        begun = time.monotonic()
        try:
            model, digest = self._load(model_id)
        except BaseException as error:
            with self._lock:
                del self._loading[model_id]
                self._counts[model_id]["load_failures"] += 1
            future.set_exception(error)
            raise
        with self._lock:
            del self._loading[model_id]
            self._counts[model_id]["loads"] += 1
            ended = time.monotonic()
            self._loads[model_id] = (ended * 1000, (ended - begun) * 1000)
            self._counts[model_id]["load_ms"] += (ended - begun) * 1000
            self._held[model_id] = (model, digest)
            self._held.move_to_end(model_id)
            self._evict(keep=model_id)
        future.set_result(model)
        return model

    def _evict(self, keep: str) -> None:
        for model_id in [i for i in self._held if i != keep and i not in self._pinned]:
            if not self._over():
                return
            del self._held[model_id]
            self._counts[model_id]["evictions"] += 1

    def _over(self) -> bool:
        total = sum(model.bytes for model, _ in self._held.values())
        return len(self._held) > self._max_models or 0 < self._max_bytes < total
