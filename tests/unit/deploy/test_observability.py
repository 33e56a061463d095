"""Dashboards and alert rules: what the code says, in PromQL that parses, about metrics that a real scrape has."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from api_service.metrics import Metrics
from deploy.observability import dashboards
from shared.fleet.state import Fleet, QueueInfo, WorkerInfo
from shared.metrics.histogram import SECONDS, Histogram
from shared.metrics.settings import MetricsSettings
from shared.metrics.streams import StreamFigures
from worker_service.consumer.counters import Counters

FOLDER = Path(__file__).parents[3] / "deploy" / "observability"
RULES = yaml.safe_load((FOLDER / "prometheus" / "alerts.yml").read_text())["groups"][0]["rules"]
K8S = FOLDER.parent / "k8s"


@pytest.fixture(scope="module")
def scraped() -> set[str]:
    """Every series' name at /metrics of an API that has served, with a worker that has worked."""
    counters = Counters()
    counters.begin("m")
    phases = dict.fromkeys(("queue_ms", "decode_ms", "preprocess_ms", "infer_ms", "post_ms", "load_ms"), 1.0)
    cache = dict.fromkeys(("cache_hits", "loads", "load_failures", "evictions"), 1.0)
    counters.add("m", jobs=1, images=1, batches=1, **phases, **cache)
    for name, value in (("request_seconds", 0.1), ("queue_seconds", 0.1), ("batch_size", 1)):
        counters.observe("m", name, value)
    counters.fail("m", "invalid_image")
    worker = WorkerInfo("w", "cpu", "", 0, "", 0, counters=counters.snapshot(), reasons=counters.reasons())
    worker.histograms, worker.speeds, worker.pending = counters.histograms(), {"m": 1.0}, counters.pending()
    metrics = Metrics(MetricsSettings())
    metrics.observe("GET", "/x", 200, 0.1)
    metrics.observe_bytes("/x", 1, 1)
    metrics.observe_failure("invalid_image")
    queues = [QueueInfo("cpu", "live", "m", 1, 0, 0, 0)]
    ages = Histogram(SECONDS)
    ages.observe(0.1)
    source = {"state": "running", "fps": 1, "fps_out": 1, "reconnects": 0, "stalls": 0, "age_histogram": ages.state()}
    status = {"sources": {"s": {**source, "counts": {"ok": 1}}}, "sinks": [{"type": "csv", "counts": {"written": 1}}]}
    text = metrics.render(Fleet([worker], {}, queues), 0, ([StreamFigures("v", "running", status)], [])).decode()
    return {"up", *declared(text)}


def declared(text: str) -> Iterator[str]:
    """Names of samples, and of families that have none yet."""
    for family in text_string_to_metric_families(text):
        yield family.name
        yield from (sample.name for sample in family.samples)


def queries() -> Iterator[tuple[str, str]]:
    for name in dashboards.DASHBOARDS:
        for panel in dashboards.dashboard(name)["panels"]:
            yield from ((f"{name}: {panel['title']}", target["expr"]) for target in panel["targets"])
    yield from ((rule["alert"], rule["expr"]) for rule in RULES)
    for file in sorted(K8S.rglob("*.yaml")):
        yield from ((file.name, query) for query in re.findall(r"^\s*query: (.*)$", file.read_text(), re.MULTILINE))


@pytest.mark.parametrize(("where", "query"), [pytest.param(*one, id=f"{n}") for n, one in enumerate(queries())])
def test_queries_parse_and_name_only_metrics_that_exist(where: str, query: str, scraped: set[str]) -> None:
    parsed = promql_parser.parse(query.replace("$__rate_interval", "1m"))
    names = set(names_in(parsed))
    assert names, where
    assert names <= scraped, where


def names_in(node: Any) -> Iterator[str]:
    """Names of the vector selectors of an expression."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node.name
    for part in ("expr", "lhs", "rhs", "param", "vector_selector"):
        if getattr(node, part, None) is not None:
            yield from names_in(getattr(node, part))
    for argument in getattr(node, "args", None) or ():
        yield from names_in(argument)


def test_a_name_that_does_not_exist_is_found(scraped: set[str]) -> None:
    parsed = promql_parser.parse("sum(rate(visionfleet_no_such_total[5m])) / max(up offset 5m)")
    assert set(names_in(parsed)) == {"visionfleet_no_such_total", "up"}
    assert "visionfleet_no_such_total" not in scraped


@pytest.mark.parametrize("name", dashboards.DASHBOARDS)
def test_the_files_are_what_the_code_says(name: str) -> None:
    file = dashboards.FOLDER / f"{name}.json"
    assert file.read_text() == dashboards.text(name), "run: python -m deploy.observability.dashboards"
    panels = json.loads(file.read_text())["panels"]
    assert len({panel["title"] for panel in panels}) == len(panels)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels)


def test_alerts_say_how_bad_and_what_to_do() -> None:
    assert len({rule["alert"] for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert rule["annotations"]["summary"]


def test_what_prometheus_and_grafana_read_fits_together() -> None:
    prometheus = yaml.safe_load((FOLDER / "prometheus" / "prometheus.yml").read_text())
    assert all((FOLDER / "prometheus" / file).exists() for file in prometheus["rule_files"])
    provisioning = FOLDER / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"]
    assert source["uid"] == dashboards.SOURCE["uid"]
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "visionfleet.yml").read_text())["providers"]
    compose = (FOLDER.parents[1] / "compose.yaml").read_text()
    assert f"/grafana/dashboards:{provider['options']['path']}:ro" in compose
    assert prometheus["scrape_configs"][0]["authorization"]["credentials_file"].startswith("/run/admin/")
