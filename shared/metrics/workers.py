"""The workers' figures, from their heartbeats: Triton's split, per worker, hardware and model.

They are counted where the work is done and travel in the heartbeat, so that one scrape of any API replica shows the
whole fleet, with the same numbers on each. The label ``worker`` stays: a sum over workers would fall when one leaves,
and Prometheus would take that for a restart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, cast

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from shared.fleet.state import WorkerInfo
from shared.metrics.histogram import BATCH_SIZES, SECONDS, added, buckets
from shared.metrics.labels import ModelLabels

LABELS = ("worker", "hardware", "model")
MS = 0.001


def _held_bytes(worker: WorkerInfo) -> float:
    return sum(float(held.get("bytes", 0)) for held in worker.held)


SPEED = ("inference_speed", "Jobs per second while the worker has any.")
PENDING = ("inference_pending", "Jobs that the worker took and did not finish.")
GAUGES: tuple[tuple[str, str, Callable[[WorkerInfo], float]], ...] = (
    ("running", "1 while the worker's model runs.", lambda worker: worker.running),
    ("held_models", "Models in the worker's memory.", lambda worker: len(worker.held)),
    ("held_bytes", "Memory of those models, by their own estimate.", _held_bytes),
    ("jobs", "Jobs that the worker finished since its start.", lambda worker: worker.jobs),
    ("failures", "Images that failed on the worker since its start.", lambda worker: worker.failures),
    ("rss_bytes", "Resident memory of the worker.", lambda worker: worker.rss_bytes),
    ("ready", "1 while the worker takes jobs, 0 while it starts or drains.", lambda worker: worker.state == "ready"),
)
COUNTERS = (
    ("inference_requests", "Jobs finished, failed ones too.", "jobs", 1.0),
    ("inference_images", "Images finished, failed ones too.", "images", 1.0),
    ("inference_batches", "Model runs.", "batches", 1.0),
    ("inference_queue_seconds_spent", "Time that finished jobs waited in the queue.", "queue_ms", MS),
    ("inference_decode_seconds_spent", "Time to decode images, the slowest of each job.", "decode_ms", MS),
    ("inference_preprocess_seconds_spent", "Time to resize and normalise, the slowest image.", "preprocess_ms", MS),
    ("inference_infer_seconds_spent", "Time that the model ran.", "infer_ms", MS),
    ("inference_post_seconds_spent", "Time to turn raw outputs into results.", "post_ms", MS),
    ("model_cache_hits", "Jobs whose model was in memory.", "cache_hits", 1.0),
    ("model_loads", "Times the model was loaded.", "loads", 1.0),
    ("model_load_seconds_spent", "Time spent on loading it.", "load_ms", MS),
    ("model_load_failures", "Times that loading it failed.", "load_failures", 1.0),
    ("model_evictions", "Times that it left memory for another model.", "evictions", 1.0),
)
HISTOGRAMS = (
    ("inference_request_seconds", "From acceptance to result, of jobs that workers finished.", SECONDS),
    ("inference_queue_seconds", "From acceptance to a worker.", SECONDS),
    ("inference_batch_size", "Images in one run of the model.", BATCH_SIZES),
)


def families(workers: Iterable[WorkerInfo], labels: ModelLabels) -> Iterator[Metric]:
    """All series of those workers."""
    workers = list(workers)
    for name, text, value in GAUGES:
        gauge = GaugeMetricFamily(f"visionfleet_worker_{name}", text, labels=LABELS[:2])
        for worker in workers:
            gauge.add_metric(_names(worker), float(value(worker)))
        yield gauge
    yield _by_model(GaugeMetricFamily, SPEED, workers, labels, lambda worker: worker.speeds)
    yield _by_model(GaugeMetricFamily, PENDING, workers, labels, lambda worker: worker.pending)
    for name, text, count, scale in COUNTERS:
        yield _by_model(CounterMetricFamily, (name, text), workers, labels, partial(_counted, count, scale))
    yield _failures(workers, labels)
    for name, text, bounds in HISTOGRAMS:
        yield _histogram(HistogramMetricFamily(f"visionfleet_{name}", text, labels=LABELS), bounds, workers, labels)


def _names(worker: WorkerInfo) -> tuple[str, str]:
    return worker.id, worker.hardware


def _failures(workers: Iterable[WorkerInfo], labels: ModelLabels) -> Metric:
    counter = CounterMetricFamily(
        "visionfleet_inference_failures", "Images and jobs that failed, by error code.", labels=(*LABELS, "reason")
    )
    for worker in workers:
        found: dict[tuple[str, str], int] = defaultdict(int)
        for model, reasons in worker.reasons.items():
            for reason, count in reasons.items():
                found[labels.of(model), reason] += count
        for (model, reason), count in found.items():
            counter.add_metric((*_names(worker), model, reason), count)
    return counter


def _by_model(
    family: Any,
    named: tuple[str, str],
    workers: Iterable[WorkerInfo],
    labels: ModelLabels,
    values: Callable[[WorkerInfo], Mapping[str, float]],
) -> Metric:
    metric = family(f"visionfleet_{named[0]}", named[1], labels=LABELS)
    for worker in workers:
        for model, value in _summed(values(worker), labels).items():
            metric.add_metric((*_names(worker), model), value)
    return cast("Metric", metric)


def _counted(count: str, scale: float, worker: WorkerInfo) -> dict[str, float]:
    """0 for what has not happened yet: Prometheus sees no increase in a series that begins with its first event."""
    return {model: counts.get(count, 0.0) * scale for model, counts in worker.counters.items()}


def _histogram(
    metric: HistogramMetricFamily, bounds: Sequence[float], workers: Iterable[WorkerInfo], labels: ModelLabels
) -> Metric:
    name = metric.name.removeprefix("visionfleet_inference_")
    for worker in workers:
        for model, state in _states(worker, name, labels).items():
            if found := buckets(bounds, state):
                metric.add_metric((*_names(worker), model), found, state[0])
    return metric


def _summed(values: Mapping[str, float], labels: ModelLabels) -> dict[str, float]:
    found: dict[str, float] = defaultdict(float)
    for model, value in values.items():
        found[labels.of(model)] += value
    return found


def _states(worker: WorkerInfo, name: str, labels: ModelLabels) -> dict[str, list[float]]:
    found: dict[str, list[list[float]]] = defaultdict(list)
    for model, named in worker.histograms.items():
        if name in named:
            found[labels.of(model)].append(named[name])
    return {model: added(states) for model, states in found.items()}
