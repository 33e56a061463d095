"""How a worker divides its cores when no setting says it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from worker_service.consumer.pipeline import Threads
from worker_service.consumer.settings import ConsumerSettings
from worker_service.consumer.threads import AHEAD_MS, threads_of


def divided(hardware: str, cores: int, own_runs: int, **settings: int) -> Threads:
    runtime: Any = SimpleNamespace(hardware=hardware, cores=cores, runs=own_runs, lone_above_ms=20.0)
    return threads_of(ConsumerSettings.model_validate(settings), runtime)


@pytest.mark.parametrize(
    ("hardware", "cores", "decoders"),
    [("cpu", 1, 2), ("cpu", 2, 2), ("cpu", 8, 4), ("gpu", 1, 2), ("gpu", 8, 8), ("gpu", 64, 16)],
)
def test_decoders_by_cores(hardware: str, cores: int, decoders: int) -> None:
    assert divided(hardware, cores, 3)[:3] == (decoders, 3, 20.0)


def test_settings_hold() -> None:
    assert divided("cpu", 8, 8, decode_threads=1, runs=5)[:2] == (1, 5)
    assert divided("cpu", 8, 8).whole
    assert not divided("cpu", 8, 8, decode_threads=4).whole, "who asks for such threads gets them used"
    assert not divided("gpu", 8, 8).whole, "the accelerator would wait"
    assert divided("cpu", 8, 8).ahead_ms == AHEAD_MS
    assert divided("cpu", 8, 8, prefetch=30).ahead_ms == 0
    assert divided("gpu", 8, 1).ahead_ms == 0, "a GPU wants full batches"
