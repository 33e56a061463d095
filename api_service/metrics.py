"""Figures for Prometheus: what this process served, and the fleet as Redis shows it.

Requests are counted per process. Workers, queues and models come from the fleet's snapshot, so that every replica
answers the same figures for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from shared.fleet.state import Fleet

# From a cached answer (1 ms) to the default time limit of a request (60 s).
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """The counters of one application; each has its own registry, so that tests do not share them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "visionfleet_http_requests", "Requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "visionfleet_http_request_seconds",
            "Time from a request's arrival to its answer.",
            ["route"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.stages = Histogram(
            "visionfleet_stage_seconds",
            "Time that inference requests spent in each stage.",
            ["stage"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.in_flight = Gauge("visionfleet_http_in_flight", "Requests being answered now.", registry=self.registry)
        self._fleet = FleetCollector()
        self.registry.register(self._fleet)

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer. ``route`` is a path template: labels must not grow with what clients send."""
        self.requests.labels(method, route, str(status)).inc()
        self.seconds.labels(route).observe(seconds)

    def observe_stages(self, timings: Mapping[str, float]) -> None:
        """Count the stages (in ms) of one inference request."""
        for stage, milliseconds in timings.items():
            self.stages.labels(stage).observe(milliseconds / 1000)

    def render(self, fleet: Fleet | None) -> bytes:
        """The text of /metrics; without a fleet (Redis is away) only this process's own figures."""
        self._fleet.fleet = fleet
        return generate_latest(self.registry)


class FleetCollector(Collector):
    """Workers, queues and models of the latest snapshot."""

    def __init__(self) -> None:
        self.fleet: Fleet | None = None

    @override
    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("visionfleet_queue_reachable", "1 when the fleet's state could be read from Redis.")
        up.add_metric([], 0 if self.fleet is None else 1)
        yield up
        if self.fleet is not None:
            yield from _workers(self.fleet)
            yield from _queues(self.fleet)
            yield from _models(self.fleet)


def _workers(fleet: Fleet) -> Iterator[Metric]:
    for name, text, attribute in (
        ("running", "Jobs that the worker runs now.", "running"),
        ("held_models", "Models in the worker's memory.", "held"),
        ("jobs", "Jobs that the worker finished since its start.", "jobs"),
        ("failures", "Jobs that failed on the worker since its start.", "failures"),
        ("rss_bytes", "Resident memory of the worker.", "rss_bytes"),
    ):
        metric = GaugeMetricFamily(f"visionfleet_worker_{name}", text, labels=["worker", "hardware"])
        for worker in fleet.workers:
            value = getattr(worker, attribute)
            metric.add_metric([worker.id, worker.hardware], len(value) if isinstance(value, list) else value)
        yield metric


def _queues(fleet: Fleet) -> Iterator[Metric]:
    for name, text, attribute, scale in (
        ("waiting", "Jobs that no worker took yet.", "waiting", 1.0),
        ("running", "Jobs that workers took and did not finish.", "running", 1.0),
        ("bytes", "Bytes of the queue's jobs.", "bytes", 1.0),
        ("oldest_seconds", "Age of the oldest waiting job.", "oldest_ms", 0.001),
    ):
        metric = GaugeMetricFamily(f"visionfleet_queue_{name}", text, labels=["hardware", "lane", "model"])
        for queue in fleet.queues:
            metric.add_metric([queue.hardware, queue.lane, queue.model], (getattr(queue, attribute) or 0) * scale)
        yield metric


def _models(fleet: Fleet) -> Iterator[Metric]:
    loaded = GaugeMetricFamily(
        "visionfleet_model_loaded_on", "Workers that hold the model in memory.", labels=["model"]
    )
    for model in fleet.models.values():
        loaded.add_metric([model.id], len(model.loaded_on))
    yield loaded
