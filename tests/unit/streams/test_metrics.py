"""The streams' series: what a report becomes, and a service's own page."""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from shared.metrics import streams
from shared.metrics.exporter import Exporter
from shared.metrics.settings import MetricsSettings
from shared.metrics.streams import StreamFigures
from shared.streams.records import Streamer
from stream_service.figures import Figures
from stream_service.metrics import OwnSeries
from tests.redis_server import free_port


def figures() -> list[StreamFigures]:
    seen = Figures()
    for age_ms in (3.0, 40.0, 40.0):
        seen.note("", age_ms, {})
    seen.note("expired", 2_000.0, {})
    seen.counts["received"] += 9
    source = {
        **seen.report(),
        "counts": dict(seen.counts),
        "state": "running",
        "fps": 12.5,
        "reconnects": 2,
        "stalls": 1,
        "in_flight": 1,
        "last_frame_age_s": 0.04,
    }
    sinks = [{"type": "buffer", "counts": {"written": 3}}, {"type": "buffer", "counts": {"written": 1, "failed": 2}}]
    waiting = {"state": "reconnecting", "reference": "rtsp://***@cam", "counts": {}}
    report = {"sources": {"door": source, "yard": waiting}, "sinks": sinks}
    return [StreamFigures("s1", "running", report), StreamFigures("s2", "pending", {})]


def lines(text: str) -> set[str]:
    return {line for line in text.splitlines() if not line.startswith("#")}


def test_a_report_becomes_series() -> None:
    class Given(Collector):
        def collect(self) -> Iterator[Metric]:
            yield from streams.families(figures())
            yield from streams.services([Streamer("host-1", pipelines=1, sources=2, max_sources=64)])

    registry = CollectorRegistry()
    registry.register(Given())
    found = lines(generate_latest(registry).decode())
    door = 'source="door",stream="s1"'
    assert {
        'visionfleet_streams{state="running"} 1.0',
        'visionfleet_streams{state="pending"} 1.0',
        'visionfleet_stream_sources{state="reconnecting"} 1.0',
        f"visionfleet_stream_source_up{{{door}}} 1.0",
        'visionfleet_stream_source_up{source="yard",stream="s1"} 0.0',
        f"visionfleet_stream_fps_in{{{door}}} 12.5",
        f"visionfleet_stream_frames_received_total{{{door}}} 9.0",
        f'visionfleet_stream_frames_total{{outcome="ok",{door}}} 3.0',
        f'visionfleet_stream_frames_total{{outcome="expired",{door}}} 1.0',
        f"visionfleet_stream_reconnects_total{{{door}}} 2.0",
        f"visionfleet_stream_stalls_total{{{door}}} 1.0",
        f'visionfleet_stream_age_seconds_bucket{{le="0.005",{door}}} 1.0',
        f"visionfleet_stream_age_seconds_count{{{door}}} 3.0",
        'visionfleet_stream_sink_results_total{outcome="written",sink="buffer",stream="s1"} 4.0',
        'visionfleet_stream_service_max_sources{service="host-1"} 64.0',
    } <= found
    assert not any("cam" in line for line in found)  # no addresses


async def test_a_service_serves_its_own_streams_and_a_taken_port_costs_nothing() -> None:
    settings = MetricsSettings(metrics_port=free_port())
    first, second = (Exporter(settings, OwnSeries(lambda: (figures(), Streamer("me")))) for _ in range(2))
    first.start()
    second.start()
    try:
        assert (first.port, second.port) == (settings.metrics_port, 0)
        url = f"http://127.0.0.1:{first.port}/metrics"
        text = await asyncio.to_thread(lambda: urllib.request.urlopen(url, timeout=10).read().decode())
        assert "visionfleet_stream_fps_in" in text
        assert "process_cpu_seconds_total" in text
    finally:
        first.stop()
        second.stop()
