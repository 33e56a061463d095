"""Prepared images, waiting for the model to be free. Batches form here: greedily, never by timer."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence

from shared import keys
from worker_service.consumer.pace import Pace
from worker_service.consumer.work import Item
from worker_service.engine.family import AnyModel

FAIR_EVERY = 8
"""Every eighth choice begins with the least urgent, so that a flood of live jobs cannot starve the bulk."""
RANK = {lane: rank for rank, lane in enumerate(keys.LANES)}


class ReadyQueue:
    """Images by model and lane. One batch is of one model, its most urgent lane first, oldest first.

    Live images are not joined by others: whoever waits for them would wait for those too.
    """

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._idle = 0
        self._models: dict[str, tuple[deque[Item], ...]] = {}
        self._turn: deque[str] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._choices = 0

    def put(self, item: Item) -> None:
        """Add an image."""
        model = item.work.model.manifest.id
        with self._changed:
            if model not in self._models:
                self._models[model] = tuple(deque() for _ in keys.LANES)
                self._turn.append(model)
            self._models[model][RANK.get(item.work.taken.job.lane, len(RANK) - 1)].append(item)
            self._changed.notify()

    def take(self) -> list[Item]:
        """The next batch, as soon as there is one; empty when closed. Models with equally urgent images take turns."""
        with self._changed:
            self._idle += 1
            while not self._turn and not self._closed:
                self._changed.wait()
            idle, self._idle = self._idle, self._idle - 1
            if not self._turn:
                return []
            self._choices += 1
            fair = self._choices % FAIR_EVERY == 0
            model = self._turn[0]
            if len(self._turn) > 1:
                model = (max if fair else min)(self._turn, key=self._urgency)
            self._turn.remove(model)
            lanes = self._models[model]
            most = self._pace.most(next(filter(None, lanes))[0].work.model, sum(map(len, lanes)), idle)
            batch = _batch(lanes[::-1] if fair else lanes, most)
            if any(lanes):
                self._turn.append(model)
            else:
                del self._models[model]
            return batch

    def more(self, model: AnyModel, room: int) -> list[Item]:
        """Images that may join a run of their model, most urgent first.

        None while images of another model wait: each that joins makes the run longer.
        """
        name, found = model.manifest.id, list[Item]()
        with self._changed:
            if self._turn != deque([name]):
                return []
            lanes = self._models[name]
            for lane in lanes:
                while lane and len(found) < room and lane[0].work.model is model:
                    found.append(lane.popleft())
            if not any(lanes):
                del self._models[name]
                self._turn.clear()
        return found

    def close(self) -> None:
        """Let ``take`` return when nothing is left."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _urgency(self, model: str) -> int:
        return next(rank for rank, lane in enumerate(self._models[model]) if lane)


def _batch(lanes: Sequence[deque[Item]], most: int) -> list[Item]:
    """Up to so many images, live ones or others."""
    batch: list[Item] = []
    for lane in lanes:
        while lane and len(batch) < min(most, (batch or lane)[0].work.model.max_batch):
            if batch and batch[0].work.live != lane[0].work.live:
                break
            batch.append(lane.popleft())
    return batch
