"""Figures for Prometheus: what this process (or all processes of this server) served, and the fleet as Redis shows it.

Requests are counted per process; several processes on one port count into files that they share, so that whichever is
scraped answers for all. Workers, queues and models come from the fleet's snapshot: every replica tells the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Generic, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    Summary,
    generate_latest,
    multiprocess,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from api_service import roboflow_metrics
from shared.fleet.state import Fleet
from shared.metrics import queues, streams, workers
from shared.metrics.histogram import SECONDS
from shared.metrics.labels import ModelLabels, method
from shared.metrics.settings import MetricsSettings
from shared.streams.records import Streamer

M = TypeVar("M", Counter, Gauge, Histogram, Summary)
Streams = tuple[Sequence[streams.StreamFigures], Sequence[Streamer]]


class ByLabels(Generic[M]):
    """A metric's children, kept: to find one by ``labels`` costs more than to count in it."""

    def __init__(self, metric: M) -> None:
        self._metric: M = metric
        self._made: dict[tuple[str, ...], M] = {}

    def __call__(self, *labels: str) -> M:
        """The child of these labels."""
        child = self._made.get(labels)
        if child is None:
            child = self._made[labels] = self._metric.labels(*labels)
        return child


class Metrics:
    """The counters of one application; each has its own registry, so that tests do not share them.

    ``folder`` is where the processes of this server count, when there are several.
    """

    def __init__(self, settings: MetricsSettings, folder: Path | None = None) -> None:
        own = CollectorRegistry()
        self.requests = Counter(
            "visionfleet_http_requests", "Requests answered.", ["method", "route", "status"], registry=own
        )
        self.seconds = Histogram(
            "visionfleet_http_request_seconds",
            "Time from a request's arrival to its answer.",
            ["method", "route"],
            buckets=SECONDS,
            registry=own,
        )
        self.received = Summary(
            "visionfleet_http_request_bytes", "Bytes of requests' bodies, as declared.", ["route"], registry=own
        )
        self.sent = Summary("visionfleet_http_response_bytes", "Bytes of answers' bodies.", ["route"], registry=own)
        self.failures = Counter(
            "visionfleet_http_failures", "Requests answered with an error, by its code.", ["code"], registry=own
        )
        self.stages = Histogram(
            "visionfleet_stage_seconds",
            "Time that inference requests spent in each stage.",
            ["stage"],
            buckets=SECONDS,
            registry=own,
        )
        self.in_flight = Gauge(
            "visionfleet_http_in_flight", "Requests being answered now.", registry=own, multiprocess_mode="livesum"
        )
        self._requests, self._seconds = ByLabels(self.requests), ByLabels(self.seconds)
        self._received, self._sent, self._stages = ByLabels(self.received), ByLabels(self.sent), ByLabels(self.stages)
        self._fleet = FleetCollector(settings)
        self._one_render = Lock()
        self.registry = CollectorRegistry()
        if folder is None:
            self._own: Collector = Registry(own)
            ProcessCollector(registry=self.registry)
        else:
            self._own = multiprocess.MultiProcessCollector(None, str(folder))  # type: ignore[no-untyped-call] # untyped
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.registry.register(roboflow_metrics.WithTheirNames(self._own))
        self.registry.register(self._fleet)

    def observe(self, verb: str, route: str, status: int, seconds: float) -> None:
        """Count one answer. ``route`` is a path template: labels must not grow with what clients send."""
        verb = method(verb)
        self._requests(verb, route, str(status)).inc()
        self._seconds(verb, route).observe(seconds)

    def observe_bytes(self, route: str, received: int, sent: int) -> None:
        """Count the bytes of one request and its answer."""
        self._received(route).observe(received)
        self._sent(route).observe(sent)

    def observe_failure(self, code: str) -> None:
        """Count one error by its machine-readable code."""
        self.failures.labels(code).inc()

    def observe_stages(self, timings: Mapping[str, float]) -> None:
        """Count the stages (in ms) of one inference request."""
        for stage, milliseconds in timings.items():
            self._stages(stage).observe(milliseconds / 1000)

    def render(self, fleet: Fleet | None, dead_letters: int = 0, video: Streams | None = None) -> bytes:
        """The text of /metrics; without a fleet (Redis is away) only this process's own figures."""
        with self._one_render:  # threads render, each for its own caller, who may see its own models only
            self._fleet.fleet, self._fleet.dead_letters, self._fleet.video = fleet, dead_letters, video
            return generate_latest(self.registry)


class Registry(Collector):
    """A registry's metrics, for another one."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    @override
    def collect(self) -> Iterator[Metric]:
        yield from self._registry.collect()


class FleetCollector(Collector):
    """Workers, queues and models of the latest snapshot."""

    def __init__(self, settings: MetricsSettings) -> None:
        self.fleet: Fleet | None = None
        self.dead_letters = 0
        self.video: Streams | None = None
        self._settings = settings
        self._labels = ModelLabels(settings.metrics_max_models)

    @override
    def collect(self) -> Iterator[Metric]:
        fleet, letters, video = self.fleet, self.dead_letters, self.video
        up = GaugeMetricFamily("visionfleet_queue_reachable", "1 when the fleet's state could be read from Redis.")
        up.add_metric([], 0 if fleet is None else 1)
        yield up
        if fleet is None:
            return
        yield _count(fleet)
        if self._settings.metrics_workers:
            yield from workers.families(fleet.workers, self._labels)
        yield from queues.families(fleet, self._labels)
        if video is not None:
            yield from streams.families(video[0])
            yield from streams.services(video[1])
        yield _models(fleet, self._labels)
        yield from roboflow_metrics.recent(fleet)
        yield GaugeMetricFamily("visionfleet_dead_letters", "Jobs that lost every worker that took them.", letters)


def _count(fleet: Fleet) -> Metric:
    metric = GaugeMetricFamily("visionfleet_workers", "Live workers.", labels=["hardware", "state"])
    found: dict[tuple[str, str], int] = {}
    for worker in fleet.workers:
        found[worker.hardware, worker.state] = found.get((worker.hardware, worker.state), 0) + 1
    for place, count in found.items():
        metric.add_metric(place, count)
    return metric


def _models(fleet: Fleet, labels: ModelLabels) -> Metric:
    loaded = GaugeMetricFamily(
        "visionfleet_model_loaded_on", "Workers that hold the model in memory.", labels=["model"]
    )
    found: dict[str, int] = {}
    for model in fleet.models.values():
        label = labels.of(model.id)
        found[label] = found.get(label, 0) + len(model.loaded_on)
    for label, count in found.items():
        loaded.add_metric([label], count)
    return loaded
