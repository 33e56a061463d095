"""What is tried again, when, and what is not."""

from __future__ import annotations

import time
from datetime import datetime, timezone

import pytest
from visionfleet import Client, JobOptions, RetryPolicy
from visionfleet.errors import DeadlineExceeded, InvalidRequest, QueueFull, ServerUnreachable, Unavailable
from visionfleet.retry import retry_after_seconds

from tests.redis_server import free_port
from tests.unit.client.answers import DETECTIONS, job
from tests.unit.client.fake_server import Answer, Asked, FakeServer

BUSY = Answer({"message": "Full.", "code": "queue_full"}, 503)
LATE = Answer({"message": "Too late.", "code": "deadline_exceeded"}, 504)
GOOD = Answer(DETECTIONS)
INFER = "/infer/object_detection"


@pytest.mark.parametrize("failure", [BUSY, LATE, Answer(b"", 502), Answer({}, 429), Answer(drop=True)])
def test_infer_is_repeated_until_it_works(client: Client, server: FakeServer, failure: Answer) -> None:
    server.answer(INFER, failure, failure, GOOD)
    client.infer(b"picture", "shapes")
    assert len(server.to(INFER)) == 3


def test_gives_up_after_the_retries(client: Client, server: FakeServer) -> None:
    server.answer(INFER, BUSY)
    with pytest.raises(QueueFull) as caught:
        client.infer(b"picture", "shapes")
    assert caught.value.retryable
    assert len(server.to(INFER)) == 4


def test_retry_after_is_honoured(client: Client, server: FakeServer) -> None:
    server.answer(INFER, Answer(BUSY.body, 503, {"Retry-After": "1"}), GOOD)
    began = time.monotonic()
    client.infer(b"picture", "shapes")
    assert 1.0 <= time.monotonic() - began < 2.0


def test_retry_after_beyond_the_timeout_is_not_waited_for(client: Client, server: FakeServer) -> None:
    server.answer(INFER, Answer(BUSY.body, 503, {"Retry-After": "3600"}))
    began = time.monotonic()
    with pytest.raises(QueueFull):
        client.infer(b"picture", "shapes")
    assert time.monotonic() - began < 2.0


def test_submit_is_repeated_when_refused(client: Client, server: FakeServer) -> None:
    server.answer("/v1/jobs", BUSY, Answer(job("queued"), 202))
    assert client.jobs.submit(b"picture", "shapes").id == "j1"
    assert len(server.to("/v1/jobs")) == 2


@pytest.mark.parametrize("failure", [Answer(drop=True), LATE])
def test_submit_is_repeated_under_one_key_when_it_may_have_been_accepted(
    client: Client, server: FakeServer, failure: Answer
) -> None:
    server.answer("/v1/jobs", failure, Answer(job("queued"), 202))
    client.jobs.submit(b"picture", "shapes")
    keys = [asked.headers["Idempotency-Key"] for asked in server.to("/v1/jobs")]
    assert len(keys) == 2
    assert len(set(keys)) == 1
    client.jobs.submit(b"picture", "shapes")
    client.jobs.submit(b"picture", "shapes", JobOptions(idempotency_key="mine"))
    later = [asked.headers["Idempotency-Key"] for asked in server.to("/v1/jobs")][2:]
    assert later[0] not in keys
    assert later[1] == "mine"


def test_timeout_is_for_the_whole_call(server: FakeServer) -> None:
    def slow(_: Asked) -> Answer:
        time.sleep(1.0)
        return GOOD

    server.routes["/v1/models"] = slow
    began = time.monotonic()
    with Client(server.url, timeout=0.3) as client, pytest.raises(DeadlineExceeded, match=r"0\.3 s"):
        client.models.list()
    assert time.monotonic() - began < 0.9
    assert len(server.asked) == 1


def test_nobody_listens() -> None:
    retry = RetryPolicy(retries=1, base_s=0.01)
    with Client(f"http://127.0.0.1:{free_port()}", retry=retry) as client, pytest.raises(ServerUnreachable) as caught:
        client.models.list()
    assert caught.value.status is None
    assert "visionfleet up" in str(caught.value)


def test_pauses_grow_to_a_cap_and_differ() -> None:
    policy = RetryPolicy(retries=10, base_s=1.0, cap_s=4.0)
    for attempt, most in ((1, 1.0), (2, 2.0), (3, 4.0), (9, 4.0)):
        pauses = [policy.pause(attempt, Unavailable(""), repeatable=True) for _ in range(200)]
        assert all(pause is not None and 0 <= pause <= most for pause in pauses)
        assert max(pause or 0 for pause in pauses) > most * 0.8
    assert policy.pause(11, Unavailable(""), repeatable=True) is None
    assert policy.pause(1, InvalidRequest(""), repeatable=True) is None


def test_retry_after_forms() -> None:
    now = datetime(2026, 1, 1, 12, 0, 0, tzinfo=timezone.utc)
    assert retry_after_seconds("7") == 7.0
    assert retry_after_seconds("Thu, 01 Jan 2026 12:00:30 GMT", now) == 30.0
    assert retry_after_seconds("Thu, 01 Jan 2026 11:00:00 GMT", now) == 0.0
    assert retry_after_seconds("soon") is None
    assert retry_after_seconds(None) is None
