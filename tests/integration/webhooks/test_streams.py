"""Results of streams as webhooks: through the same ledger, signed, once, and never a flood."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from shared.egress import EgressRefused
from shared.errors import SinkUnavailable
from shared.webhooks.ledger import Filter
from shared.webhooks.signature import new_key
from stream_service.sink import Sink
from tests.integration.webhooks.conftest import Desk, Receiver
from tests.streams.results import answer, box, context, result, sink, written

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def environment(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"REDIS_URL": redis_url, "WEBHOOK_ALLOW_HTTP": "1", "WEBHOOK_PORTS": "[]"}.items():
        monkeypatch.setenv(f"VISIONFLEET_{name}", value)
    monkeypatch.setenv("VISIONFLEET_WEBHOOK_ALLOW_PRIVATE", "1")


def hook(receiver: Receiver, folder: Path, **options: object) -> Sink:
    return sink("webhook", context(folder), url=receiver.url, **{"when": "found", "interval_s": 0.1, **options})


async def test_a_result_arrives_signed(desk: Desk, receiver: Receiver, tmp_path: Path) -> None:
    key = new_key("hmac")
    secret = await desk.secrets.create("mine", [key])
    await written(hook(receiver, tmp_path, secret_id=secret.id), result(1, answer()), result(2))
    assert await desk.deliver() == 1
    ((headers, body),) = receiver.seen
    message = Webhook(key.text).verify(body, headers)
    assert message["type"] == "stream.result"
    assert message["data"]["source_id"] == "door"
    assert message["data"]["output"]["predictions"][0]["class"] == "circle"
    (listed,), _ = await desk.ledger.page(Filter(job="f" * 32), 10, None)
    assert listed.state == "delivered"


async def test_a_frame_that_two_owners_report_is_one_delivery(desk: Desk, receiver: Receiver, tmp_path: Path) -> None:
    await written(hook(receiver, tmp_path), result(1))
    await written(hook(receiver, tmp_path), result(1))
    assert await desk.deliver() == 1


async def test_an_answer_over_the_limit_leaves_its_counts(desk: Desk, receiver: Receiver, tmp_path: Path) -> None:
    await written(hook(receiver, tmp_path), result(1, answer(*[box("star")] * 400)))
    await desk.deliver()
    data = json.loads(receiver.seen[0][1])["data"]
    assert "output" not in data
    assert data["counts"] == {"star": 400}


async def test_too_many_waiting_webhooks_are_refused(
    desk: Desk, receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISIONFLEET_WEBHOOK_STREAM_WAITING", "2")
    made = hook(receiver, tmp_path)
    await made.open()
    await made.write(result(1))
    await made.write(result(3))
    with pytest.raises(SinkUnavailable, match="waiting"):
        await made.write(result(5))
    await made.close()
    assert await desk.deliver() == 2


async def test_a_url_against_the_rules_is_refused_at_once(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISIONFLEET_WEBHOOK_ALLOW_PRIVATE", "0")
    with pytest.raises(EgressRefused):
        await written(hook(receiver, tmp_path))
