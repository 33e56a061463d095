"""Loaded models: few, bounded in memory, each loaded once however many ask at the same time.

A model is one here, however many graphs it has. Graphs that several models have in common are counted once, and a model
that others need stays as long as one of them does.
"""

from __future__ import annotations

import time
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import NamedTuple, Protocol

from worker_service.allocator import give_back
from worker_service.engine.family import AnyModel
from worker_service.engine.runtime.session import Session


@dataclass(frozen=True)
class HeldModel:
    """A model in memory. ``bytes`` is an estimate of what it takes alone, graphs that others share included."""

    id: str
    digest: str
    bytes: int
    pinned: bool


class Loaded(NamedTuple):
    """A model, its digest, the sessions that it runs, and the ids of other models that it asks."""

    model: AnyModel
    digest: str
    sessions: tuple[Session, ...] = ()
    needs: frozenset[str] = frozenset()

    @property
    def bytes(self) -> int:
        """Estimate of all that it takes."""
        return self.model.bytes + sum(session.bytes_again for session in set(self.sessions))


class MakeRoom(Protocol):
    """Lets models go until another one has room."""

    def __call__(self, files: int, shared: int = 0) -> None:
        """``files``: bytes of its files, ``shared`` of them in files that held models have in common with it."""
        ...


class ModelCache:
    """The least recently used model leaves when there are too many, or too many bytes; pinned ones never do.

    Leaving means that the cache lets go: whoever still runs the model holds it, and its memory goes with the last of
    them. The model just loaded stays even when it alone is over the limit, since somebody waits for it.

    Others leave before a model is opened, so that memory never holds both. ``load`` says when: after it has checked
    the files, so that a broken download costs nobody's place. What only opening shows (a graph that does not run) costs
    it once: a model that has failed so is opened beside the others when it is asked for again.
    """

    def __init__(self, load: Callable[[str, MakeRoom], Loaded], max_models: int, max_bytes: int) -> None:
        """``max_bytes`` 0 is no limit on bytes."""
        self._load = load
        self._max_models = max_models
        self._max_bytes = max_bytes
        self._pinned: set[str] = set()
        self._held: OrderedDict[str, Loaded] = OrderedDict()
        self._loading: dict[str, Future[AnyModel]] = {}
        self._coming: dict[str, int] = {}  # bytes that models will take which are being opened
        self._files: dict[str, int] = {}  # bytes of their files
        self._beside: dict[str, int] = {}  # bytes that a model took when last loaded, beside its files
        self._needs: dict[str, frozenset[str]] = {}  # what it needed then
        self._failed: set[str] = set()
        self._loads: dict[str, tuple[float, float]] = {}  # end (ms of the monotonic clock) and length of the last load
        self._counts: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        self._lock = Lock()

    def get(self, model_id: str, digest: str | None = None) -> AnyModel:
        """The model; loads it when it is not held, or held with another digest. Raises what ``load`` raises."""
        with self._lock:
            held = self._held.get(model_id)
            if held is not None and digest in (None, held.digest):
                self._held.move_to_end(model_id)
                self._counts[model_id]["cache_hits"] += 1
                return held.model
            pending = self._loading.get(model_id)
            ours: Future[AnyModel] = Future()
            if pending is None:
                self._loading[model_id] = ours
        return self._fill(model_id, ours) if pending is None else pending.result()

    def held(self) -> list[HeldModel]:
        """Models in memory, least recently used first."""
        with self._lock:
            return [HeldModel(i, one.digest, one.bytes, i in self._pinned) for i, one in self._held.items()]

    @property
    def bytes(self) -> int:
        """Estimate of what all of them take together."""
        with self._lock:
            return self._total()

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
            held = self._held.pop(model_id, None) is not None
        give_back()
        return held

    def _fill(self, model_id: str, future: Future[AnyModel]) -> AnyModel:
        """Load for everybody who waits on ``future``."""
        begun = time.monotonic()
        try:
            loaded = self._load(model_id, partial(self._make_room, model_id))
        except BaseException as error:
            with self._lock:
                del self._loading[model_id]
                if self._coming.pop(model_id, None) is not None:
                    self._failed.add(model_id)
                self._counts[model_id]["load_failures"] += 1
            future.set_exception(error)
            raise
        with self._lock:
            del self._loading[model_id]
            self._counts[model_id]["loads"] += 1
            ended = time.monotonic()
            self._loads[model_id] = (ended * 1000, (ended - begun) * 1000)
            self._counts[model_id]["load_ms"] += (ended - begun) * 1000
            self._coming.pop(model_id, None)
            self._failed.discard(model_id)
            self._needs[model_id] = loaded.needs
            self._beside[model_id] = loaded.bytes - self._files.pop(model_id, 0)
            self._held[model_id] = loaded
            self._held.move_to_end(model_id)
            self._evict(keep=model_id)
        future.set_result(loaded.model)
        return loaded.model

    def _make_room(self, model_id: str, files: int, shared: int = 0) -> None:
        with self._lock:
            self._files[model_id] = files
            if model_id in self._failed:
                return
            self._coming[model_id] = files - shared + self._beside.get(model_id, 0)
            if self._over():
                self._held.pop(model_id, None)  # with another digest: nobody gets it any more
                self._evict(keep=model_id)

    def _evict(self, keep: str) -> None:
        gone = False
        while self._over() and (model_id := self._next_to_go(keep)):
            del self._held[model_id]
            self._counts[model_id]["evictions"] += 1
            gone = True
        if gone:
            give_back()

    def _next_to_go(self, keep: str) -> str | None:
        """The least recently used model that nobody insists on."""
        needed = [needed for model_id in {*self._held, *self._coming} for needed in self._needs.get(model_id, ())]
        stays = {keep, *self._pinned, *needed}
        return next((model_id for model_id in self._held if model_id not in stays), None)

    def _over(self) -> bool:
        count, size = len(self._held.keys() | self._coming.keys()), self._total() + sum(self._coming.values())
        return count > self._max_models or 0 < self._max_bytes < size

    def _total(self) -> int:
        sessions = Counter(session for one in self._held.values() for session in one.sessions)
        shared = sum((uses - 1) * session.bytes for session, uses in sessions.items())
        return sum(one.bytes for one in self._held.values()) - shared
