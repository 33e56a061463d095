"""The names under which Roboflow's server tells its figures, so that their dashboards go on to work.

Those of HTTP are made from ours when they are asked for, at no cost to a request. Theirs of models are gauges over the
last ten seconds with the model in the name; ours are of the whole fleet.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample
from typing_extensions import override

from shared.fleet.state import Fleet
from shared.metrics.labels import in_name

MOST_MODELS = 25
COARSE = ("0.1", "0.5", "1.0", "+Inf")
"""The bounds of their histogram per handler; the one without labels has ours."""


class WithTheirNames(Collector):
    """Our metrics of HTTP, then the same under their names."""

    def __init__(self, ours: Collector) -> None:
        self._ours = ours

    @override
    def collect(self) -> Iterator[Metric]:
        found = {metric.name: metric for metric in self._ours.collect()}
        yield from found.values()
        if "visionfleet_http_requests" in found:
            yield _requests(found["visionfleet_http_requests"].samples)
        if "visionfleet_http_request_seconds" in found:
            yield from _durations(found["visionfleet_http_request_seconds"].samples)
        for name in ("request", "response"):
            if f"visionfleet_http_{name}_bytes" in found:
                yield _sizes(name, found[f"visionfleet_http_{name}_bytes"].samples)


def recent(fleet: Fleet) -> Iterator[Metric]:
    """Inferences, their mean time and errors of the last ten seconds, in all and by model."""
    found: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for worker in fleet.workers:
        for model, counts in worker.recent.items():
            for name, count in counts.items():
                found["total"][name] += count
                found[in_name(model)][name] += count
    busiest = sorted(set(found) - {"total"}, key=lambda name: -found[name]["images"])[:MOST_MODELS]
    for name in ["total", *busiest]:
        counts = found[name]
        images = counts["images"]
        for metric, text, value in (
            ("num_inferences", "Images in the last ten seconds.", images),
            ("avg_inference_time", "Seconds of the model per image.", counts["infer_ms"] / 1000 / max(images, 1)),
            ("num_errors", "Images that failed in the last ten seconds.", counts["failures"]),
        ):
            yield GaugeMetricFamily(f"{metric}_{name}", text, value=value)


def _requests(samples: Iterable[Sample]) -> Metric:
    metric = CounterMetricFamily(
        "http_requests",
        "Requests by method, status and handler.",
        labels=["handler", "method", "status"],
    )
    found: dict[tuple[str, str, str], float] = defaultdict(float)
    for sample in samples:
        if sample.name.endswith("_total"):
            labels = sample.labels
            found[labels["route"], labels["method"], f"{labels['status'][0]}xx"] += sample.value
    for place, value in found.items():
        metric.add_metric(place, value)
    return metric


def _durations(samples: Iterable[Sample]) -> Iterator[Metric]:
    by_handler = HistogramMetricFamily(
        "http_request_duration_seconds", "Latency by handler, coarse.", labels=["handler", "method"]
    )
    fine = HistogramMetricFamily("http_request_duration_highr_seconds", "Latency of all requests, in fine buckets.")
    counts: dict[tuple[str, str], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    sums: dict[tuple[str, str], float] = defaultdict(float)
    for sample in samples:
        place = (sample.labels["route"], sample.labels["method"])
        if sample.name.endswith("_bucket"):
            counts[place][sample.labels["le"]] += sample.value
        elif sample.name.endswith("_sum"):
            sums[place] += sample.value
    total: dict[str, float] = defaultdict(float)
    for place, buckets in counts.items():
        by_handler.add_metric(place, [(bound, buckets[bound]) for bound in COARSE], sums[place])
        for bound, count in buckets.items():
            total[bound] += count
    if total:
        fine.add_metric([], sorted(total.items(), key=lambda pair: float(pair[0])), sum(sums.values()))
    yield by_handler
    yield fine


def _sizes(name: str, samples: Iterable[Sample]) -> Metric:
    metric = SummaryMetricFamily(
        f"http_{name}_size_bytes", f"Content length of {name}s by handler.", labels=["handler"]
    )
    counts: dict[str, float] = defaultdict(float)
    sums: dict[str, float] = defaultdict(float)
    for sample in samples:
        if sample.name.endswith("_count"):
            counts[sample.labels["route"]] += sample.value
        elif sample.name.endswith("_sum"):
            sums[sample.labels["route"]] += sample.value
    for route, count in counts.items():
        metric.add_metric([route], int(count), sums[route])
    return metric
