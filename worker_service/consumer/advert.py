"""What this worker tells the fleet about itself: who it is, what it holds, what it could serve."""

from __future__ import annotations

import os
import secrets
import socket
from typing import Literal

import psutil

from shared.fleet.state import ModelInfo, WorkerInfo, life_of
from worker_service import VERSION
from worker_service.consumer.pipeline import Pipeline
from worker_service.consumer.settings import ConsumerSettings
from worker_service.engine.engine import Engine


class Advert:
    """Collects the heartbeat. ``state`` is set by the consumer as it starts and drains."""

    def __init__(self, settings: ConsumerSettings, engine: Engine, started_ms: int) -> None:
        self.hardware = engine.runtime.hardware
        self.adopt_after_ms = settings.adopt_after_ms
        self.id = settings.worker_name or f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(2)}"
        self.state: Literal["starting", "ready", "draining"] = "starting"
        self.pipeline: Pipeline | None = None
        self._engine = engine
        self.life = life_of(self.id, started_ms)
        self._started_ms = started_ms
        self._process = psutil.Process()
        self._known: set[str] = set()

    def info(self) -> WorkerInfo:
        """The heartbeat now."""
        info = WorkerInfo(
            id=self.id,
            hardware=self.hardware,
            host=socket.gethostname(),
            pid=os.getpid(),
            version=VERSION,
            started_ms=self._started_ms,
            state=self.state,
            capacity=self._engine.runtime.max_batch,
            threads=self._engine.runtime.threads,
            providers=[name for name, _ in self._engine.runtime.providers],
            held=[
                {"id": held.id, "digest": held.digest, "bytes": held.bytes, "pinned": held.pinned}
                for held in self._engine.held()
            ],
            rss_bytes=self._process.memory_info().rss,
        )
        if self.pipeline is not None:
            counters = self.pipeline.counters
            info.runs = self.pipeline.runs
            info.prepared = len(self.pipeline.held)
            info.running = int(self.pipeline.batch_started is not None)
            info.jobs, info.failures = counters.total("jobs"), counters.total("failures")
            info.rate, info.rates, info.recent = counters.rate(), counters.rates(), counters.recent()
            info.counters, info.reasons = counters.snapshot(), counters.reasons()
            info.histograms, info.speeds, info.pending = counters.histograms(), counters.speeds(), counters.pending()
        for model, counts in self._engine.cache_counts().items():
            info.counters.setdefault(model, {}).update(counts)
        return info

    def catalog(self) -> list[ModelInfo]:
        """The models of the repository that may run on this hardware."""
        return [
            ModelInfo(
                id=manifest.id,
                task=manifest.task,
                family=manifest.family or "",
                labels=list(manifest.labels),
                input_width=manifest.input.width,
                input_height=manifest.input.height,
                hardware=list(manifest.hardware),
                digest=self._engine.digest(manifest.id),
                aliases=list(manifest.aliases),
                thresholds=manifest.thresholds.model_dump(exclude_none=True),
                description=manifest.description,
                keypoints=list(manifest.keypoints),
                skeleton=[list(bone) for bone in manifest.skeleton],
            )
            for manifest in self._engine.catalog()
            if self.hardware in manifest.hardware
        ]

    def vanished(self) -> list[str]:
        """Models that were in the repository at the last call and are not any more."""
        now = {manifest.id for manifest in self._engine.catalog()}
        gone, self._known = sorted(self._known - now), now
        return gone
