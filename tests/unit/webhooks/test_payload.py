"""The body of a webhook."""

from __future__ import annotations

import json
from dataclasses import replace

from shared.jobs import JobRecord, JobResult
from shared.webhooks.delivery import Delivery
from shared.webhooks.payload import build
from shared.webhooks.settings import WebhookSettings

SETTINGS = WebhookSettings(public_url="https://vision.example/")
DELIVERY = Delivery("msg_j_succeeded", "j", "succeeded", 1_700_000_000_123, "https://x.example", "pending", 0, 0)
RESULT = JobResult(
    "j", "succeeded", outputs=[{"output": {"top": "a", "visualization": b"\xff"}}], timings={"t_ms": 1.0}
)
RECORD = JobRecord("j", "succeeded", "m", "cpu", "normal", 1_700_000_000_000, metadata={"mine": "1"}, result=RESULT)


def test_thin() -> None:
    message = json.loads(build(DELIVERY, RECORD, SETTINGS))
    assert message["type"] == "job.succeeded"
    assert message["timestamp"] == "2023-11-14T22:13:20.123+00:00"
    assert message["data"]["result_url"] == "https://vision.example/v1/jobs/j"
    assert message["data"]["metadata"] == {"mine": "1"}
    assert "outputs" not in message["data"]


def test_inline_while_it_is_small() -> None:
    inline = replace(DELIVERY, mode="inline")
    message = json.loads(build(inline, RECORD, SETTINGS))
    assert message["data"]["outputs"] == [{"output": {"top": "a", "visualization": "/w=="}}]
    small = WebhookSettings(webhook_inline_bytes=300)
    assert "outputs" not in json.loads(build(inline, RECORD, small))["data"]


def test_a_job_that_is_gone_still_has_its_event() -> None:
    message = json.loads(build(replace(DELIVERY, mode="inline"), None, SETTINGS))
    assert (message["data"]["id"], message["data"]["state"]) == ("j", "succeeded")
    started = json.loads(build(replace(DELIVERY, event="started"), RECORD, SETTINGS))
    assert (started["type"], started["data"]["state"]) == ("job.started", "running")
