"""Jobs: handed in, looked at, waited for."""

from __future__ import annotations

import time

import pytest
from visionfleet import Client, Detections, JobOptions
from visionfleet.errors import BadAnswer, DeadlineExceeded, InvalidImage, JobNotFound, JobPoisoned, QueueUnavailable

from tests.unit.client.answers import BAD_IMAGE, OUTPUT, job
from tests.unit.client.fake_server import Answer, FakeServer


def test_images_travel_as_file_parts(client: Client, server: FakeServer) -> None:
    server.answer("/v1/jobs", Answer(job("queued"), 202))
    options = JobOptions(hardware="gpu", priority="bulk", timeout=9, metadata={"k": "v"})
    made = client.jobs.submit([b"one", b"two"], "shapes", options, confidence=0.5, iou_threshold=None)
    asked = server.to("/v1/jobs")[0]
    assert asked.headers["Content-Type"].startswith("multipart/form-data")
    assert b'name="job"' in asked.body
    assert b'"params": {"confidence": 0.5}, "hardware": "gpu", "priority": "bulk", "timeout": 9' in asked.body
    assert asked.body.index(b"one") < asked.body.index(b"two")
    assert asked.body.count(b'name="image"; filename=') == 2
    assert (made.id, made.state, made.done) == ("j1", "queued", False)


def test_urls_travel_as_json_in_order(client: Client, server: FakeServer) -> None:
    server.answer("/v1/jobs", Answer(job("queued"), 202))
    client.jobs.submit([b"one", "https://example.org/2.jpg"], "shapes")
    body = server.to("/v1/jobs")[0].json
    assert [image["type"] for image in body["image"]] == ["base64", "url"]
    assert body["hardware"] == "any"


def test_outputs_keep_their_place(client: Client, server: FakeServer) -> None:
    outputs = [OUTPUT, {"error": BAD_IMAGE}]
    server.answer("/v1/jobs/j1", Answer(job("succeeded", outputs=outputs, timings={"infer_ms": 3.0}, batch=2)))
    found = client.jobs.get("j1")
    assert isinstance(found.outputs[0], Detections)
    assert found.outputs[0].timings == {"infer_ms": 3.0}
    assert isinstance(found.outputs[1], InvalidImage)
    with pytest.raises(InvalidImage, match="not an image"):
        found.results()


def test_failed_job(client: Client, server: FakeServer) -> None:
    error = {"code": "poisoned", "message": "Three workers died.", "retryable": False, "details": {}}
    server.answer("/v1/jobs/j1", Answer(job("failed", error=error)))
    with pytest.raises(JobPoisoned, match="Three workers died"):
        client.jobs.wait("j1").results()


def test_wait_asks_again_until_the_end(client: Client, server: FakeServer) -> None:
    server.answer(
        "/v1/jobs/j1", Answer(job("queued")), Answer(job("running")), Answer(job("succeeded", outputs=[OUTPUT]))
    )
    done = client.jobs.wait("j1", 200)
    assert done.done
    assert len(done.results()) == 1
    assert [asked.query for asked in server.to("/v1/jobs/j1")] == [{"wait": "50"}] * 3


def test_wait_sits_out_an_outage(client: Client, server: FakeServer) -> None:
    away = [Answer({"detail": "Redis is away.", "code": "queue_unavailable"}, 503)] * 6  # more than the retries
    server.answer("/v1/jobs/j1", Answer(job("running")), *away, Answer(job("succeeded", outputs=[OUTPUT])))
    assert client.jobs.wait("j1", 100).done


def test_wait_does_not_sit_out_a_server_that_never_was(client: Client, server: FakeServer) -> None:
    server.answer("/v1/jobs/j1", Answer({"detail": "Redis is away.", "code": "queue_unavailable"}, 503))
    with pytest.raises(QueueUnavailable):
        client.jobs.wait("j1", 100)
    assert len(server.to("/v1/jobs/j1")) == 4


def test_wait_ends(client: Client, server: FakeServer) -> None:
    server.answer("/v1/jobs/j1", Answer(job("running")))
    began = time.monotonic()
    with pytest.raises(DeadlineExceeded, match="still running"):
        client.jobs.wait("j1", 0.2)
    assert time.monotonic() - began < 2


def test_no_such_job(client: Client, server: FakeServer) -> None:
    problem = {"type": "t", "title": "Not Found", "status": 404, "detail": "There is no job.", "code": "job_not_found"}
    server.answer("/v1/jobs/..%2Fx", Answer(problem, 404))
    with pytest.raises(JobNotFound, match="There is no job"):
        client.jobs.get("../x")


def test_broken_job(client: Client, server: FakeServer) -> None:
    server.answer("/v1/jobs/j1", Answer({"id": "j1"}))
    with pytest.raises(BadAnswer):
        client.jobs.get("j1")
