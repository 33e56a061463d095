"""The streams' figures, from the reports that their owners leave in Redis or, in a stream service, from its own.

Labels are the ids of stream and source: names and addresses may say more than everybody who scrapes should know.
Counts begin at 0 again when another service takes a stream up, which Prometheus understands as a restart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from shared.metrics.histogram import SECONDS, buckets
from shared.streams.records import Streamer

LABELS = ("stream", "source")
RECEIVED = "received"


class StreamFigures(NamedTuple):
    """One stream: its state, and its report (see Pipeline.report)."""

    id: str
    state: str
    status: Mapping[str, Any]


Row = tuple[tuple[str, str], Mapping[str, Any]]
GAUGES: tuple[tuple[str, str, Callable[[Mapping[str, Any]], Any]], ...] = (
    ("source_up", "1 while the source delivers frames.", lambda one: one.get("state") == "running"),
    ("fps_in", "Frames per second that arrive from the source.", lambda one: one.get("fps")),
    ("fps_out", "Results per second, over the last ten.", lambda one: one.get("fps_out")),
    ("in_flight", "Frames without a result yet.", lambda one: one.get("in_flight")),
    ("last_frame_age_seconds", "Time since the last frame arrived.", lambda one: one.get("last_frame_age_s")),
)
COUNTERS: tuple[tuple[str, str, Callable[[Mapping[str, Any]], Any]], ...] = (
    ("frames_received", "Frames read from the source.", lambda one: one.get("counts", {}).get(RECEIVED)),
    ("reconnects", "Times that the source was opened again.", lambda one: one.get("reconnects")),
    ("stalls", "Times that the source was given up because it had stopped sending.", lambda one: one.get("stalls")),
)


def families(streams: Iterable[StreamFigures]) -> Iterator[Metric]:
    """All series of those streams."""
    streams = list(streams)
    rows = [((one.id, source), row) for one in streams for source, row in one.status.get("sources", {}).items()]
    yield _counted("visionfleet_streams", "Streams.", Counter(one.state for one in streams))
    states = Counter(str(row.get("state", "none")) for _, row in rows)
    yield _counted("visionfleet_stream_sources", "Sources of streams.", states)
    for name, text, value in GAUGES:
        yield _filled(GaugeMetricFamily(f"visionfleet_stream_{name}", text, labels=LABELS), rows, value)
    for name, text, value in COUNTERS:
        yield _filled(CounterMetricFamily(f"visionfleet_stream_{name}", text, labels=LABELS), rows, value)
    yield _frames(rows)
    yield _ages(rows)
    yield _sinks(streams)


def services(streamers: Iterable[Streamer]) -> Iterator[Metric]:
    """How full the stream services are."""
    streamers = list(streamers)
    for name, text in (
        ("pipelines", "Streams that the service runs."),
        ("sources", "Sources that it reads."),
        ("max_sources", "Sources that it may read."),
    ):
        metric = GaugeMetricFamily(f"visionfleet_stream_service_{name}", text, labels=["service"])
        for one in streamers:
            metric.add_metric([one.id], getattr(one, name))
        yield metric


def _counted(name: str, text: str, found: Mapping[str, int]) -> Metric:
    metric = GaugeMetricFamily(name, f"{text} By state.", labels=["state"])
    for state, count in found.items():
        metric.add_metric([state], count)
    return metric


def _filled(metric: Any, rows: Iterable[Row], value: Callable[[Mapping[str, Any]], Any]) -> Metric:
    for names, row in rows:
        if (found := value(row)) is not None:
            metric.add_metric(names, float(found))
    filled: Metric = metric
    return filled


def _frames(rows: Iterable[Row]) -> Metric:
    text = "Frames by what became of them: ok, or why there is no result."
    metric = CounterMetricFamily("visionfleet_stream_frames", text, labels=[*LABELS, "outcome"])
    for names, row in rows:
        for outcome, count in row.get("counts", {}).items():
            if outcome != RECEIVED:
                metric.add_metric([*names, outcome], count)
    return metric


def _ages(rows: Iterable[Row]) -> Metric:
    text = "From the arrival of a frame to its result."
    metric = HistogramMetricFamily("visionfleet_stream_age_seconds", text, labels=LABELS)
    for names, row in rows:
        state = row.get("age_histogram") or []
        if found := buckets(SECONDS, state):
            metric.add_metric(names, found, state[0])
    return metric


def _sinks(streams: Iterable[StreamFigures]) -> Metric:
    text = "Results by what a sink did with them: written, or why not."
    metric = CounterMetricFamily("visionfleet_stream_sink_results", text, labels=["stream", "sink", "outcome"])
    for one in streams:
        found: Counter[tuple[str, str]] = Counter()  # two sinks of one type are counted together
        for sink in one.status.get("sinks", []):
            for outcome, count in sink.get("counts", {}).items():
                found[str(sink["type"]), outcome] += count
        for (sink_type, outcome), count in found.items():
            metric.add_metric([one.id, sink_type, outcome], count)
    return metric
