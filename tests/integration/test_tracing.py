"""One job through real processes: its spans are one trace, and one request id is in everybody's log lines."""

from __future__ import annotations

import asyncio
import base64
import json
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.integration.dial_model import picture, repository
from tests.integration.test_api_service import free_port, until_up
from tests.integration.worker_process import Bench, WorkerProcess

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = "00f067aa0ba902b7"


@dataclass
class Span:
    name: str
    trace: str
    id: str
    parent: str
    start_ns: int
    end_ns: int
    service: str


@dataclass
class Outside:
    """A collector of spans and a receiver of webhooks."""

    url: str = ""
    spans: list[Span] = field(default_factory=list)
    webhooks: list[dict[str, str]] = field(default_factory=list)

    async def collect(self, request: web.Request) -> web.Response:
        for resource in ExportTraceServiceRequest.FromString(await request.read()).resource_spans:
            names = {one.key: one.value.string_value for one in resource.resource.attributes}
            for span in (span for scope in resource.scope_spans for span in scope.spans):
                ids = (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex())
                times = (span.start_time_unix_nano, span.end_time_unix_nano)
                self.spans.append(Span(span.name, *ids, *times, names["service.name"]))
        return web.Response()

    async def receive(self, request: web.Request) -> web.Response:
        self.webhooks.append(dict(request.headers))
        return web.Response()


@pytest.fixture
async def outside() -> AsyncIterator[Outside]:
    made, app = Outside(), web.Application()
    app.add_routes([web.post("/v1/traces", made.collect), web.post("/hook", made.receive)])
    async with TestServer(app) as server:
        made.url = str(server.make_url("")).rstrip("/")
        yield made


async def until(check: Callable[[], bool], what: str) -> None:
    for _ in range(600):
        if check():
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"never: {what}")


def lines_of(log: Path, **wanted: str) -> list[dict[str, Any]]:
    """The JSON lines of a log that have those fields."""
    rows = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return [row for row in rows if all(row.get(name) == value for name, value in wanted.items())]


async def test_one_job_is_one_trace_and_one_request_id(redis_url: str, outside: Outside, tmp_path: Path) -> None:
    port, request_id = free_port(), uuid.uuid4().hex
    settings = {
        "log_format": "json",
        "data_dir": str(tmp_path),
        "webhook_key": base64.b64encode(b"k" * 32).decode(),
        "webhook_allow_http": "true",
        "webhook_allow_private": "true",
        "webhook_ports": "[]",
        "tracing": "true",
        "tracing_endpoint": outside.url,
    }
    bench = Bench(redis_url, repository(tmp_path / "models"), tmp_path, **settings)
    api = WorkerProcess(
        "api", tmp_path / "api.log", ("-m", "api_service"), port=str(port), redis_url=redis_url, **settings
    )
    try:
        bench.start("w", worker_role="inference")
        bench.start("b", worker_role="background")
        await bench.until(lambda worker: worker.state == "ready", "ready", seconds=60)
        await until_up(f"http://127.0.0.1:{port}")
        image = {"type": "base64", "value": base64.b64encode(picture("red")).decode()}
        body = {"model": "dial", "image": image, "webhook": {"url": f"{outside.url}/hook"}}
        headers = {"traceparent": f"00-{TRACE}-{CALLER}-01", "X-Request-ID": request_id}
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", headers=headers) as http:
            async with http.post("/v1/jobs", json=body) as answer:
                assert answer.status == 202, await answer.text()
                job_id = (await answer.json())["id"]
            await until(lambda: "webhook" in {span.name for span in outside.spans}, "the span of the webhook")
            names = {"POST /v1/jobs", "queue", "worker", "decode", "preprocess", "infer", "post", "webhook"}
            await until(lambda: {span.name for span in outside.spans} >= names, "all spans")
        check_tree({span.name: span for span in outside.spans})
        assert outside.webhooks[0]["traceparent"].split("-")[1] == TRACE
        api_log, worker_log, background_log = (tmp_path / f"{name}.log" for name in ("api", "w", "b"))
        for log, event in ((api_log, "job.submitted"), (worker_log, "job.finished"), (background_log, "webhook.sent")):
            (line,) = lines_of(log, event=event, request_id=request_id)
            assert line["job"] == job_id, event
        assert lines_of(api_log, event="request", request_id=request_id, path="/v1/jobs")
        assert lines_of(worker_log, event="job.finished")[0]["service"] == "worker"
    finally:
        api.kill()
        await bench.close()


def check_tree(spans: dict[str, Span]) -> None:
    """caller -> api -> queue -> worker -> its phases; the webhook is the worker's."""
    assert {span.trace for span in spans.values()} == {TRACE}
    api, queue, worker = spans["POST /v1/jobs"], spans["queue"], spans["worker"]
    assert api.parent == CALLER
    assert (queue.parent, worker.parent, spans["webhook"].parent) == (api.id, queue.id, worker.id)
    for phase in ("decode", "preprocess", "infer", "post"):
        assert spans[phase].parent == worker.id
        assert worker.start_ns - 1_000_000 <= spans[phase].start_ns <= spans[phase].end_ns <= worker.end_ns + 1_000_000
    assert (api.service, worker.service) == ("visionfleet-api", "visionfleet-worker")
    assert queue.end_ns == worker.start_ns
