"""A worker's own /metrics."""

from __future__ import annotations

import asyncio
import urllib.request

from shared.fleet.state import WorkerInfo
from shared.metrics.exporter import Exporter
from shared.metrics.settings import MetricsSettings
from tests.redis_server import free_port
from worker_service.consumer.metrics import OwnSeries


async def test_a_worker_serves_its_series_where_a_port_is_set() -> None:
    info = WorkerInfo("w1", "cpu", "host", 1, "0.1.0", 0, state="ready")
    settings = MetricsSettings(metrics_port=free_port())
    exporter = Exporter(settings, OwnSeries(lambda: info, settings.metrics_max_models))
    assert exporter.port == 0
    exporter.start()
    try:
        url = f"http://127.0.0.1:{exporter.port}/metrics"
        text = await asyncio.to_thread(lambda: urllib.request.urlopen(url, timeout=10).read().decode())
    finally:
        exporter.stop()
    assert 'worker="w1"' in text
    assert "process_cpu_seconds_total" in text
