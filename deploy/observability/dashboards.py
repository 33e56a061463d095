"""Grafana's dashboards as code. ``python -m deploy.observability.dashboards`` writes the JSON that Grafana reads."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "grafana" / "dashboards"
SOURCE = {"type": "prometheus", "uid": "prometheus"}
HALF, THIRD = 12, 8


@dataclass(frozen=True)
class Panel:
    """Some queries, each with the legend of its series. ``unit`` is one of Grafana's."""

    title: str
    unit: str
    queries: tuple[tuple[str, str], ...]
    width: int = HALF
    kind: str = "timeseries"
    text: str = ""


def rate(name: str, by: str, where: str = "") -> str:
    """Per second, summed up over workers; a worker that several replicas tell of counts once."""
    return f"sum by ({by}) (max without (instance) (rate({name}{where}[$__rate_interval])))"


def quantile(share: str, name: str, by: str, where: str = "") -> str:
    """A percentile of a histogram."""
    return f"histogram_quantile({share}, {rate(f'{name}_bucket', f'le, {by}' if by else 'le', where)})"


BATCH = "visionfleet_inference_batch_size"
CHOSEN = '{hardware=~"$hardware",model=~"$model"}'
FLEET = (
    Panel("Images per second", "ops", ((rate("visionfleet_inference_images_total", "model", CHOSEN), "{{model}}"),)),
    Panel(
        "Backlog",
        "s",
        ((f"max by (hardware, model) (queue_backlog_seconds{CHOSEN})", "{{model}} on {{hardware}}"),),
        text="Seconds until what waits now is done. Pools scale by it.",
    ),
    Panel(
        "From acceptance to result",
        "s",
        (
            (quantile("0.5", "visionfleet_inference_request_seconds", "model", CHOSEN), "{{model}} p50"),
            (quantile("0.99", "visionfleet_inference_request_seconds", "model", CHOSEN), "{{model}} p99"),
        ),
    ),
    Panel(
        "Wait in the queue",
        "s",
        (
            (quantile("0.5", "visionfleet_inference_queue_seconds", "model", CHOSEN), "{{model}} p50"),
            (quantile("0.99", "visionfleet_inference_queue_seconds", "model", CHOSEN), "{{model}} p99"),
        ),
    ),
    Panel(
        "Where the time goes",
        "percentunit",
        tuple(
            (
                rate(f"visionfleet_inference_{phase}_seconds_spent_total", "hardware", CHOSEN),
                f"{phase} {{{{hardware}}}}",
            )
            for phase in ("decode", "preprocess", "infer", "post")
        ),
        text="Seconds per second: 1 is one thread that does nothing else.",
    ),
    Panel(
        "Images per run of the model",
        "none",
        ((f"{rate(f'{BATCH}_sum', 'model', CHOSEN)} / {rate(f'{BATCH}_count', 'model', CHOSEN)}", "{{model}}"),),
    ),
    Panel(
        "Jobs",
        "none",
        (
            ("sum by (lane) (max by (hardware, lane, model) (visionfleet_queue_waiting))", "waiting, {{lane}}"),
            ("sum by (lane) (max by (hardware, lane, model) (visionfleet_queue_running))", "running, {{lane}}"),
            ("sum (max by (hardware, lane, model) (visionfleet_queue_stalled))", "stalled"),
        ),
        THIRD,
    ),
    Panel(
        "Failures",
        "ops",
        ((rate("visionfleet_inference_failures_total", "reason", CHOSEN), "{{reason}}"),),
        THIRD,
    ),
    Panel("Dead letters", "none", (("max(visionfleet_dead_letters)", "jobs"),), THIRD, "stat"),
)
WORKERS = (
    Panel("Workers", "none", (("max by (hardware, state) (visionfleet_workers)", "{{hardware}} {{state}}"),), THIRD),
    Panel("Memory", "bytes", (("max by (worker) (visionfleet_worker_rss_bytes)", "{{worker}}"),), THIRD),
    Panel("Models' memory", "bytes", (("max by (worker) (visionfleet_worker_held_bytes)", "{{worker}}"),), THIRD),
    Panel(
        "Time that the model runs",
        "percentunit",
        ((rate("visionfleet_inference_infer_seconds_spent_total", "worker"), "{{worker}}"),),
    ),
    Panel(
        "Jobs per second while there are any",
        "ops",
        (("max by (worker, model) (visionfleet_inference_speed)", "{{model}} at {{worker}}"),),
    ),
    Panel(
        "Models: hits, loads, evictions",
        "ops",
        (
            (rate("visionfleet_model_cache_hits_total", "model"), "{{model}} hits"),
            (rate("visionfleet_model_loads_total", "model"), "{{model}} loads"),
            (rate("visionfleet_model_evictions_total", "model"), "{{model}} evictions"),
            (rate("visionfleet_model_load_failures_total", "model"), "{{model}} failed loads"),
        ),
    ),
    Panel("Models held", "none", (("max by (model) (visionfleet_model_loaded_on)", "{{model}}"),)),
)
HTTP_SECONDS = "sum by (le, route) (rate(visionfleet_http_request_seconds_bucket[$__rate_interval]))"
HTTP = (
    Panel(
        "Requests",
        "reqps",
        (("sum by (route, status) (rate(visionfleet_http_requests_total[$__rate_interval]))", "{{route}} {{status}}"),),
    ),
    Panel(
        "Latency",
        "s",
        tuple(
            (f"histogram_quantile({share}, {HTTP_SECONDS})", f"{{{{route}}}} p{name}")
            for share, name in (("0.5", "50"), ("0.99", "99"))
        ),
    ),
    Panel("Under way", "none", (("visionfleet_http_in_flight", "{{instance}}"),), THIRD),
    Panel(
        "Errors by code",
        "ops",
        (("sum by (code) (rate(visionfleet_http_failures_total[$__rate_interval]))", "{{code}}"),),
        THIRD,
    ),
    Panel(
        "Bytes",
        "Bps",
        (
            ("sum(rate(visionfleet_http_request_bytes_sum[$__rate_interval]))", "in"),
            ("sum(rate(visionfleet_http_response_bytes_sum[$__rate_interval]))", "out"),
        ),
        THIRD,
    ),
)
STREAMS = (
    Panel("Streams", "none", (("max by (state) (visionfleet_streams)", "{{state}}"),), THIRD),
    Panel("Sources", "none", (("max by (state) (visionfleet_stream_sources)", "{{state}}"),), THIRD),
    Panel(
        "Room",
        "none",
        (
            ("max by (service) (visionfleet_stream_service_sources)", "{{service}} reads"),
            ("max by (service) (visionfleet_stream_service_max_sources)", "{{service}} may read"),
        ),
        THIRD,
    ),
    Panel(
        "Frames per second",
        "none",
        (
            ("max by (stream, source) (visionfleet_stream_fps_in)", "{{stream}} {{source}} in"),
            ("max by (stream, source) (visionfleet_stream_fps_out)", "{{stream}} {{source}} out"),
        ),
    ),
    Panel(
        "From a frame's arrival to its result",
        "s",
        tuple(
            (quantile(share, "visionfleet_stream_age_seconds", "stream"), f"{{{{stream}}}} p{name}")
            for share, name in (("0.5", "50"), ("0.99", "99"))
        ),
    ),
    Panel("Frames", "ops", ((rate("visionfleet_stream_frames_total", "outcome"), "{{outcome}}"),), THIRD),
    Panel(
        "Trouble with sources",
        "ops",
        (
            (rate("visionfleet_stream_reconnects_total", "stream, source"), "{{stream}} {{source}} opened again"),
            (rate("visionfleet_stream_stalls_total", "stream, source"), "{{stream}} {{source}} given up"),
        ),
        THIRD,
    ),
    Panel(
        "Sinks",
        "ops",
        ((rate("visionfleet_stream_sink_results_total", "sink, outcome"), "{{sink}} {{outcome}}"),),
        THIRD,
    ),
)
DASHBOARDS = {
    "streams": ("Streams", STREAMS),
    "fleet": ("Fleet", FLEET),
    "workers": ("Workers and models", WORKERS),
    "http": ("HTTP", HTTP),
}


def dashboard(name: str) -> dict[str, Any]:
    """What Grafana reads."""
    title, panels = DASHBOARDS[name]
    chosen = [_choice("hardware"), _choice("model")] if name == "fleet" else []
    return {
        "uid": f"visionfleet-{name}",
        "title": f"Visionfleet: {title}",
        "tags": ["visionfleet"],
        "schemaVersion": 39,
        "editable": False,
        "refresh": "10s",
        "time": {"from": "now-30m", "to": "now"},
        "templating": {"list": chosen},
        "panels": _placed(panels),
    }


def text(name: str) -> str:
    """The file's text."""
    return json.dumps(dashboard(name), indent=1) + "\n"


def _placed(panels: tuple[Panel, ...]) -> list[dict[str, Any]]:
    placed, x, y = [], 0, 0
    for number, panel in enumerate(panels, 1):
        if x + panel.width > 2 * HALF:
            x, y = 0, y + 8
        placed.append(_panel(number, panel, {"x": x, "y": y, "w": panel.width, "h": 8}))
        x += panel.width
    return placed


def _panel(number: int, panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.text,
        "datasource": SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + index), "datasource": SOURCE, "expr": query, "legendFormat": legend}
            for index, (query, legend) in enumerate(panel.queries)
        ],
    }


def _choice(label: str) -> dict[str, Any]:
    return {
        "name": label,
        "type": "query",
        "datasource": SOURCE,
        "query": f"label_values(visionfleet_queue_waiting, {label})",
        "refresh": 2,
        "includeAll": True,
        "multi": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for file in DASHBOARDS:
        (FOLDER / f"{file}.json").write_text(text(file))
