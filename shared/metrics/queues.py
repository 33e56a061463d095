"""The queues' figures, and the backlog in seconds that pools are scaled by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric

from shared.fleet.backlog import backlogs
from shared.fleet.state import Fleet
from shared.metrics.labels import ModelLabels

QUEUE = (
    ("waiting", "Jobs that no worker took yet.", "waiting", 1.0),
    ("running", "Jobs that workers took and did not finish.", "running", 1.0),
    ("stalled", "Jobs among them whose worker was lost; another takes them over.", "stalled", 1.0),
    ("bytes", "Bytes of the queue's jobs.", "bytes", 1.0),
)


def families(fleet: Fleet, labels: ModelLabels) -> Iterator[Metric]:
    """All series of the queues."""
    for name, text, attribute, scale in QUEUE:
        metric = GaugeMetricFamily(f"visionfleet_queue_{name}", text, labels=["hardware", "lane", "model"])
        found: dict[tuple[str, str, str], float] = defaultdict(float)
        for queue in fleet.queues:
            found[queue.hardware, queue.lane, labels.of(queue.model)] += getattr(queue, attribute) * scale
        for place, value in found.items():
            metric.add_metric(place, value)
        yield metric
    yield _oldest(fleet, labels)
    yield from _backlog(fleet, labels)


def _oldest(fleet: Fleet, labels: ModelLabels) -> Metric:
    metric = GaugeMetricFamily(
        "visionfleet_queue_oldest_seconds", "Age of the oldest waiting job.", labels=["hardware", "lane", "model"]
    )
    oldest: dict[tuple[str, str, str], float] = defaultdict(float)
    for queue in fleet.queues:
        place = (queue.hardware, queue.lane, labels.of(queue.model))
        oldest[place] = max(oldest[place], (queue.oldest_ms or 0) / 1000)
    for place, age in oldest.items():
        metric.add_metric(place, age)
    return metric


def _backlog(fleet: Fleet, labels: ModelLabels) -> Iterator[Metric]:
    names = ["hardware", "model"]
    wait = GaugeMetricFamily(
        "queue_backlog_seconds", "Jobs that wait / jobs per second that the pool serves.", labels=names
    )
    work = GaugeMetricFamily(
        "visionfleet_queue_work_seconds", "Jobs that wait or run, in seconds of one worker.", labels=names
    )
    waits: dict[tuple[str, str], float] = defaultdict(float)
    works: dict[tuple[str, str], float] = defaultdict(float)
    for backlog in backlogs(fleet):
        place = (backlog.hardware, labels.of(backlog.model))
        waits[place] = max(waits[place], backlog.seconds)
        works[place] += backlog.work_seconds
    for metric, values in ((wait, waits), (work, works)):
        for place, value in values.items():
            metric.add_metric(place, value)
        yield metric
