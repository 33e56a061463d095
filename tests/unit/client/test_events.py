"""Streams of lines: a job's events and a batch's results, taken up where a connection broke."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from visionfleet import AsyncClient, Client, Detections
from visionfleet.errors import BadAnswer, DeadlineExceeded, InvalidImage, InvalidRequest, JobNotFound, ServerUnreachable

from tests.unit.client.answers import BAD_IMAGE, OUTPUT
from tests.unit.client.fake_server import Answer, FakeServer

EVENTS = "/v1/jobs/j1/events"
FIRST = b': hello\n\nid: 1-0\nevent: queued\ndata: {"position":1}\n\nid: 2-0\nevent: started\ndata: {"attempt":1}\n\n'
LAST = b'id: 3-0\nevent: finished\ndata: {"state":"succeeded"}\n\n'
BATCH = {"id": "b1", "state": "running", "model": "shapes", "total": 3, "done": 1, "failed": 0, "rate": 2.5, "eta": 4}


def result(number: int, **more: object) -> bytes:
    body = {"number": number, "index": number - 1, "source": f"{number}.jpg", "state": "succeeded", "timings": {}}
    return json.dumps({**body, "output": None, "error": None, **more}).encode() + b"\n"


def test_events_to_the_end(client: Client, server: FakeServer) -> None:
    server.answer(EVENTS, Answer(FIRST + LAST))
    found = list(client.jobs.events("j1"))
    assert [(event.id, event.name) for event in found] == [("1-0", "queued"), ("2-0", "started"), ("3-0", "finished")]
    assert [event.data for event in found] == [{"position": 1}, {"attempt": 1}, {"state": "succeeded"}]
    assert server.to(EVENTS)[0].headers["Accept"] == "text/event-stream"


@pytest.mark.parametrize("cut", [True, False])
async def test_a_broken_stream_is_taken_up(client: Client, waiting: AsyncClient, server: FakeServer, cut: bool) -> None:
    server.answer(EVENTS, Answer(FIRST, cut=cut), Answer(LAST))
    assert [event.name for event in client.jobs.events("j1")] == ["queued", "started", "finished"]
    assert server.to(EVENTS)[1].headers["Last-Event-ID"] == "2-0"
    server.answer(EVENTS, Answer(FIRST, cut=cut), Answer(LAST))
    assert [event.name async for event in waiting.jobs.events("j1")] == ["queued", "started", "finished"]


def test_a_stream_that_never_goes_on(client: Client, server: FakeServer) -> None:
    server.answer(EVENTS, Answer(FIRST), Answer(b""))
    with pytest.raises(ServerUnreachable, match="do not go on"):
        list(client.jobs.events("j1"))


def test_events_of_no_job(client: Client, server: FakeServer) -> None:
    server.answer(EVENTS, Answer({"detail": "None.", "code": "job_not_found"}, 404))
    with pytest.raises(JobNotFound):
        list(client.jobs.events("j1"))


def test_leaving_events_early_frees_the_connection(client: Client, server: FakeServer) -> None:
    server.answer(EVENTS, Answer(FIRST + LAST))
    for _ in range(5):
        events = client.jobs.events("j1")
        assert next(events).name == "queued"
        events.close()  # type: ignore[attr-defined]


def test_batch_of_files(client: Client, server: FakeServer, tmp_path: Path) -> None:
    for name in ("b.jpg", "a.jpg"):
        (tmp_path / name).write_bytes(name.encode() * 1000)
    server.answer("/v1/batches", Answer(BATCH, 202))
    batch = client.batches.create("shapes", files=tmp_path, confidence=0.5, metadata={"who": "me"})
    assert (batch.id, batch.total, batch.eta, batch.ended) == ("b1", 3, 4, False)
    body = server.to("/v1/batches")[0].body
    assert b'"params": {"confidence": 0.5}' in body
    assert body.count(b'name="image"; filename=') == 2
    assert body.index(b"a.jpg" * 1000) < body.index(b"b.jpg" * 1000)


async def test_batch_of_a_zip_from_the_event_loop(waiting: AsyncClient, server: FakeServer, tmp_path: Path) -> None:
    (tmp_path / "all.zip").write_bytes(b"PK" * 100_000)
    server.answer("/v1/batches", Answer({"detail": "Full.", "code": "queue_full"}, 503), Answer(BATCH, 202))
    await waiting.batches.create("shapes", zip=tmp_path / "all.zip")
    for asked in server.to("/v1/batches"):
        assert b"PK" * 100_000 in asked.body


def test_batch_of_urls(client: Client, server: FakeServer) -> None:
    server.answer("/v1/batches", Answer(BATCH, 202))
    client.batches.create("shapes", urls=["https://example.org/a.jpg"])
    assert server.to("/v1/batches")[0].json["urls"] == ["https://example.org/a.jpg"]
    with pytest.raises(InvalidRequest, match="Give one of"):
        client.batches.create("shapes")
    with pytest.raises(InvalidImage, match="Cannot read"):
        client.batches.create("shapes", zip="no-such.zip")


def test_batch_waits(client: Client, server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("visionfleet.steps.time.sleep", lambda _: None)
    server.answer("/v1/batches/b1", Answer(BATCH), Answer({**BATCH, "state": "succeeded", "done": 3}))
    assert client.batches.wait("b1").done == 3
    server.answer("/v1/batches/b1", Answer(BATCH))
    with pytest.raises(DeadlineExceeded, match="still running"):
        client.batches.wait("b1", 0)


def test_batch_results_go_on_after_a_break(client: Client, server: FakeServer) -> None:
    good = result(1, output=OUTPUT["output"])
    bad = result(2, error=BAD_IMAGE, state="failed")
    server.answer("/v1/batches/b1/results", Answer(good, cut=True), Answer(bad + b"\n" + result(3)))
    first, second, third = client.batches.results("b1")
    assert isinstance(first.result, Detections)
    assert (first.name, first.number) == ("1.jpg", 1)
    assert isinstance(second.error, InvalidImage)
    assert (third.result, third.error) == (None, None)
    assert [asked.query["after"] for asked in server.to("/v1/batches/b1/results")] == ["0", "1"]
    server.answer("/v1/batches/b1/results", Answer(b"nonsense\n"))
    with pytest.raises(BadAnswer):
        list(client.batches.results("b1", follow=False))
