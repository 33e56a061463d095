"""How a worker process divides its cores, where the settings do not say it."""

from __future__ import annotations

from worker_service.consumer.pipeline import Threads
from worker_service.consumer.settings import ConsumerSettings
from worker_service.engine.runtime.session import Runtime

LEAST_DECODERS, MOST_DECODERS = 2, 16
AHEAD_MS = 50.0
"""Of work taken ahead of a processor's runs: time to fetch and decode the next. While more lies here, another worker
may be idle (bench/pool)."""


def threads_of(settings: ConsumerSettings, runtime: Runtime) -> Threads:
    """On a processor runs decode their own images, unless there are to be threads for it.

    Decoding takes at most half of what a small model takes, and as much where an accelerator runs the models.
    """
    cores = runtime.cores if runtime.hardware != "cpu" else runtime.cores // 2
    decoders = settings.decode_threads or min(MOST_DECODERS, max(LEAST_DECODERS, cores))
    ahead_ms = AHEAD_MS if runtime.hardware == "cpu" and not settings.prefetch else 0.0
    whole = runtime.hardware == "cpu" and not settings.decode_threads
    return Threads(decoders, settings.runs or runtime.runs, runtime.lone_above_ms, ahead_ms, whole)
