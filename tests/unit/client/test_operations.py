"""Jobs, queues, workers and dead letters on the command line and in the client, against a fake server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result
from visionfleet import Client
from visionfleet.cli import live
from visionfleet.cli.app import app
from visionfleet.errors import JobFinished, LetterNotFound

from tests.unit.client.answers import FLEET, job
from tests.unit.client.fake_server import Answer, FakeServer

LETTER = {"id": "17-0", "job": "j1", "model": "shapes", "lane": "bulk", "attempts": 3, "bytes": 2500, "buried": "now"}
QUEUE = {"hardware": "any", "lane": "bulk", "model": "shapes", "waiting": 8, "running": 2, "bytes": 9, "rate": 4.0}
QUEUES = {"queues": [{**QUEUE, "oldest_ms": 2500, "backlog_s": 2.0}], "dead_letters": 3}


def visionfleet(server: FakeServer, *arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, [*arguments, "--url", server.url], input=stdin)


def summary(number: int, **more: Any) -> dict[str, Any]:
    return {**job("queued"), "id": f"j{number}", "lane": "bulk", "progress": {"done": 0, "images": 7}, **more}


def test_jobs_list_goes_through_the_pages(server: FakeServer) -> None:
    server.answer(
        "/v1/jobs",
        Answer({"jobs": [summary(1), summary(2)], "cursor": "c"}),
        Answer({"jobs": [summary(3)], "cursor": None}),
    )
    result = visionfleet(server, "jobs", "list", "--state", "queued", "-m", "shapes", "-n", "500", "--json")
    assert [found["id"] for found in json.loads(result.stdout)] == ["j1", "j2", "j3"]
    first, second = server.to("/v1/jobs")
    assert first.query == {"state": "queued", "model": "shapes", "limit": "200"}
    assert second.query == {**first.query, "cursor": "c"}


def test_jobs_list_stops_at_the_limit(server: FakeServer) -> None:
    server.answer("/v1/jobs", Answer({"jobs": [summary(1), summary(2)], "cursor": "c"}))
    result = visionfleet(server, "jobs", "list", "-n", "2")
    assert result.exit_code == 0
    assert len(server.to("/v1/jobs")) == 1
    for word in ("j1", "j2", "queued", "shapes", "bulk", "7"):
        assert word in result.stdout


def test_jobs_wait(server: FakeServer) -> None:
    server.answer("/v1/jobs/j1", Answer(job("running")), Answer(job("succeeded")))
    assert visionfleet(server, "jobs", "wait", "j1").exit_code == 0
    server.answer("/v1/jobs/j1", Answer(job("running")))
    assert visionfleet(server, "jobs", "wait", "j1", "--timeout", "0.1").exit_code == 5


def test_jobs_cancel(server: FakeServer) -> None:
    for name in ("j1", "j2"):
        server.answer(f"/v1/jobs/{name}/cancel", Answer({**job("canceled"), "id": name}))
    result = visionfleet(server, "jobs", "cancel", "j1", "j2")
    assert result.stdout.splitlines() == ["j1 canceled", "j2 canceled"]
    finished = {"code": "job_finished", "detail": "The job cannot be canceled, because it has succeeded."}
    server.answer("/v1/jobs/j1/cancel", Answer(finished, 409))
    refused = visionfleet(server, "jobs", "cancel", "j1")
    assert refused.exit_code == 1
    assert "has succeeded" in refused.stderr
    with Client(server.url) as client, pytest.raises(JobFinished):
        client.jobs.cancel("j1")


def test_jobs_retry(server: FakeServer) -> None:
    server.answer("/v1/jobs/j1/retry", Answer({**job("queued"), "id": "j9"}, 202))
    server.answer("/v1/jobs/j9", Answer({**job("succeeded"), "id": "j9"}))
    result = visionfleet(server, "jobs", "retry", "j1", "--wait", "5", "--json")
    assert (json.loads(result.stdout)["id"], json.loads(result.stdout)["state"]) == ("j9", "succeeded")


def test_jobs_submit_keeps_images_when_asked(server: FakeServer, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"picture")
    server.answer("/v1/jobs", Answer(job("queued"), 202))
    for options in ([], ["--keep", "60"]):
        assert visionfleet(server, "jobs", "submit", str(tmp_path / "a.jpg"), "-m", "shapes", *options).exit_code == 0
    plain, kept = server.to("/v1/jobs")
    assert b"input_ttl" not in plain.body
    assert b'"input_ttl": 60.0' in kept.body


def test_erase(server: FakeServer) -> None:
    server.answer("/v1/jobs/j1", Answer(b"", 204))
    with Client(server.url) as client:
        client.jobs.erase("j1")
    assert [asked.method for asked in server.asked] == ["DELETE"]


def test_dlq_list_show_retry(server: FakeServer) -> None:
    server.answer("/v1/dead-letters", Answer({"dead_letters": [LETTER], "cursor": None}))
    shown = visionfleet(server, "dlq", "list")
    for word in ("17-0", "j1", "shapes", "bulk", "3", "2.5 kB"):
        assert word in shown.stdout
    assert json.loads(visionfleet(server, "dlq", "list", "--json").stdout)[0]["attempts"] == 3
    server.answer("/v1/dead-letters/17-0", Answer({"id": "17-0", "images": [3]}))
    assert json.loads(visionfleet(server, "dlq", "show", "17-0").stdout)["images"] == [3]
    server.answer("/v1/dead-letters/17-0/retry", Answer({**job("queued"), "id": "j9"}, 202))
    assert visionfleet(server, "dlq", "retry", "17-0").stdout.strip() == "j9"
    server.answer("/v1/dead-letters", Answer({"dead_letters": [], "cursor": None}))
    assert "no dead letters" in visionfleet(server, "dlq", "list").stdout


def test_dlq_purge_asks_first(server: FakeServer) -> None:
    server.answer("/v1/dead-letters", Answer({"purged": 4}))
    assert visionfleet(server, "dlq", "purge", stdin="n\n").exit_code != 0
    assert server.asked == []
    assert "4 purged" in visionfleet(server, "dlq", "purge", "--yes").stdout
    assert [asked.method for asked in server.asked] == ["DELETE"]


def test_dlq_purge_of_one(server: FakeServer) -> None:
    server.answer(
        "/v1/dead-letters/17-0", Answer(b"", 204), Answer({"code": "letter_not_found", "detail": "None."}, 404)
    )
    assert "1 purged" in visionfleet(server, "dlq", "purge", "17-0").stdout
    assert visionfleet(server, "dlq", "purge", "17-0").exit_code == 4
    with Client(server.url) as client, pytest.raises(LetterNotFound):
        client.dead_letters.drop("17-0")


def test_queues(server: FakeServer) -> None:
    server.answer("/v1/queues", Answer(QUEUES))
    shown = visionfleet(server, "queues").stdout
    for word in ("3 dead letters", "shapes", "bulk", "8", "4.0", "2.0 s", "2.5 s"):
        assert word in shown
    assert json.loads(visionfleet(server, "queues", "--json").stdout)["queues"][0]["backlog_s"] == 2.0
    assert live.seconds(None) == live.NO_RATE
    server.answer("/v1/queues", Answer({"queues": [{**QUEUE, "waiting": 0, "running": 0}], "dead_letters": 0}))
    assert "All queues are empty" in visionfleet(server, "queues").stdout


def test_workers_once_and_live(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.answer("/v1/fleet", Answer(FLEET))
    shown = visionfleet(server, "workers").stdout
    for word in ("w1", "cpu", "ready", "5.0 MB", "shapes"):
        assert word in shown
    rounds = iter([None, None])

    def sleep(_: float) -> None:
        if next(rounds, "over") == "over":
            raise KeyboardInterrupt

    monkeypatch.setattr(live.time, "sleep", sleep)
    assert visionfleet(server, "workers", "--watch", "1").exit_code == 130
    assert len(server.to("/v1/fleet")) == 4, "once, then at the start and twice anew"
    assert json.loads(visionfleet(server, "workers", "--json").stdout)[0]["id"] == "w1"


def test_usage(server: FakeServer) -> None:
    row = {"day": "2026-11-01", "key": "k1", "name": "gate", "model": "=m", "jobs": 3, "failed": 1, "images": 9}
    server.answer("/v1/usage", *[Answer({"since": "", "until": "", "usage": [{**row, "infer_s": 1.25}]})] * 3)
    shown = visionfleet(server, "usage", "--since", "2026-11-01", "--key", "k1", "--by", "day,key,model")
    assert all(word in shown.stdout for word in ("2026-11-01", "gate", "=m", "1.250"))
    table = visionfleet(server, "usage", "--csv")
    assert table.stdout == "day,key,name,model,jobs,failed,images,infer_s\n2026-11-01,k1,gate,'=m,3,1,9,1.25\n"
    with Client(server.url) as client:
        (found,) = client.usage(by=["model"])
    assert (found.jobs, found.infer_s) == (3, 1.25)
    first, _, third = server.to("/v1/usage")
    assert first.query == {"since": "2026-11-01", "key": "k1", "by": "day,key,model"}
    assert third.query == {"by": "model"}
