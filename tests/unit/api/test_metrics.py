"""/metrics: Triton's split by worker, hardware and model, Roboflow's names, the backlog, and labels that stay few."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from aiohttp.test_utils import TestClient
from prometheus_client.parser import text_string_to_metric_families

from api_service.metrics import Metrics
from shared.fleet.state import Fleet, QueueInfo
from shared.metrics.settings import MetricsSettings
from tests.unit.api.fakes import MemoryFleet, MemoryKeys
from worker_service.consumer.counters import Counters

Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def parsed(text: str) -> Series:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def at(found: Series, name: str, **labels: str) -> float:
    return found[name, tuple(sorted(labels.items()))]


async def scrape(client: TestClient, **headers: str) -> Series:
    return parsed(await (await client.get("/metrics", headers=headers)).text())


@pytest.fixture
def busy(fleet: MemoryFleet) -> MemoryFleet:
    """The worker has done something."""
    counters, worker = Counters(), fleet.fleet.workers[0]
    counters.begin("shapes-detector")
    counters.add("shapes-detector", batches=1, batch_images=4, infer_ms=20.0, post_ms=2.0)
    counters.observe("shapes-detector", "batch_size", 4)
    counters.add("shapes-detector", images=4, failures=1, jobs=4, queue_ms=8.0, decode_ms=4.0)
    counters.observe("shapes-detector", "request_seconds", 0.02)
    counters.fail("shapes-detector", "invalid_image")
    worker.counters, worker.reasons = counters.snapshot(), counters.reasons()
    worker.counters["shapes-detector"] |= {"cache_hits": 3.0, "loads": 1.0, "load_ms": 500.0, "evictions": 2.0}
    worker.histograms, worker.recent = counters.histograms(), counters.recent()
    worker.speeds, worker.pending = {"shapes-detector": 8.0}, counters.pending()
    return fleet


async def test_the_workers_figures(client: TestClient, busy: MemoryFleet) -> None:
    found = await scrape(client)
    labels = {"worker": "w1", "hardware": "cpu", "model": "shapes-detector"}
    for name, value in {
        "inference_requests_total": 4,
        "inference_images_total": 4,
        "inference_batches_total": 1,
        "inference_infer_seconds_spent_total": 0.02,
        "inference_post_seconds_spent_total": 0.002,
        "inference_queue_seconds_spent_total": 0.008,
        "inference_decode_seconds_spent_total": 0.004,
        "inference_pending": 1,
        "inference_speed": 8,
        "inference_batch_size_sum": 4,
        "inference_request_seconds_count": 1,
        "model_cache_hits_total": 3,
        "model_loads_total": 1,
        "model_load_seconds_spent_total": 0.5,
        "model_evictions_total": 2,
    }.items():
        assert at(found, f"visionfleet_{name}", **labels) == pytest.approx(value), name
    assert at(found, "visionfleet_inference_failures_total", reason="invalid_image", **labels) == 1
    assert at(found, "visionfleet_inference_batch_size_bucket", le="2.0", **labels) == 0
    assert at(found, "visionfleet_inference_batch_size_bucket", le="4.0", **labels) == 1
    assert at(found, "visionfleet_inference_batch_size_bucket", le="+Inf", **labels) == 1


async def test_the_backlog(client: TestClient, busy: MemoryFleet) -> None:
    found = await scrape(client)
    assert at(found, "queue_backlog_seconds", hardware="any", model="shapes-detector") == pytest.approx(2 / 8)
    assert at(found, "visionfleet_queue_work_seconds", hardware="any", model="shapes-detector") == pytest.approx(3 / 8)


async def test_roboflows_names(client: TestClient, busy: MemoryFleet) -> None:
    await client.get("/healthz")
    await client.get("/v1/jobs/none")
    found = await scrape(client)
    assert at(found, "http_requests_total", handler="/healthz", method="GET", status="2xx") == 1
    assert at(found, "http_requests_total", handler="/v1/jobs/{id}", method="GET", status="4xx") == 1
    assert at(found, "http_request_duration_seconds_count", handler="/healthz", method="GET") == 1
    assert at(found, "http_request_duration_seconds_bucket", handler="/healthz", method="GET", le="0.5") == 1
    assert at(found, "http_request_duration_highr_seconds_count") == 2
    assert at(found, "http_request_size_bytes_count", handler="/healthz") == 1
    assert at(found, "http_response_size_bytes_sum", handler="/healthz") > 0
    for name, value in (("num_inferences", 4), ("avg_inference_time", 0.005), ("num_errors", 1)):
        assert at(found, f"{name}_total") == pytest.approx(value)
        assert at(found, f"{name}_shapes_detector") == pytest.approx(value)
    assert at(found, "visionfleet_http_failures_total", code="job_not_found") == 1
    assert any(name == "process_resident_memory_bytes" for name, _ in found)


async def test_a_key_sees_the_figures_of_its_models(client: TestClient, busy: MemoryFleet, keys: MemoryKeys) -> None:
    worker = busy.fleet.workers[0]
    for told in (worker.counters, worker.reasons, worker.histograms, worker.recent, worker.speeds, worker.pending):
        told["secret/1"] = told["shapes-detector"]  # type: ignore[index] # each of its own type
    token = keys.make("models", models=("shapes-*",))
    answer = await client.get("/metrics", headers={"Authorization": f"Bearer {token}"})
    text = await answer.text()
    assert "shapes-detector" in text
    assert "secret" not in text


async def test_methods_are_few(client: TestClient) -> None:
    await client.request("BREW", "/healthz")
    assert not [labels for _, labels in await scrape(client) if ("method", "BREW") in labels]


def test_models_are_few() -> None:
    metrics = Metrics(MetricsSettings(metrics_max_models=2))
    queues = [QueueInfo("cpu", "live", f"m{number}", 1, 0, 0, 5000 + number) for number in range(5)]
    found = parsed(metrics.render(Fleet(queues=queues)).decode())
    waiting = {
        dict(labels)["model"]: value for (name, labels), value in found.items() if name == "visionfleet_queue_waiting"
    }
    assert waiting == {"m0": 1, "m1": 1, "other": 3}
    assert at(found, "visionfleet_queue_oldest_seconds", hardware="cpu", lane="live", model="other") == 5.004
    again = parsed(metrics.render(Fleet(queues=queues[3:])).decode())
    assert at(again, "visionfleet_queue_waiting", hardware="cpu", lane="live", model="other") == 2, "a name is for good"


def test_workers_may_be_left_out() -> None:
    metrics = Metrics(MetricsSettings(metrics_workers=False))
    text = metrics.render(MemoryFleet().fleet).decode()
    assert "visionfleet_workers{" in text
    assert "visionfleet_worker_" not in text


def test_scrapes_at_the_same_time_each_get_their_own_fleet() -> None:
    """A key that sees one model must not be given what another scrape asked for meanwhile."""
    metrics = Metrics(MetricsSettings())
    fleets = {name: Fleet(queues=[QueueInfo("cpu", "live", name, 1, 0, 0, 0)]) for name in ("mine", "theirs")}
    with ThreadPoolExecutor(4) as pool:
        texts = [(name, pool.submit(metrics.render, fleets[name])) for _ in range(100) for name in fleets]
        for name, text in texts:
            assert (b'"mine"' in text.result(), b'"theirs"' in text.result()) == (name == "mine", name == "theirs")
