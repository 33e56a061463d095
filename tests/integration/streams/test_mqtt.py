"""The MQTT sink against a real broker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.errors import SinkUnavailable
from tests.streams.broker import Broker, Listener
from tests.streams.results import answer, context, result, sink, until

pytestmark = pytest.mark.integration
LOGIN = {"host": "127.0.0.1", "username": "camera", "password": "swordfish"}
TOPIC = f"visionfleet/{'f' * 32}"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with Broker(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture
def listener(broker: Broker) -> Iterator[Listener]:
    made = Listener(broker.port)
    yield made
    made.close()


async def test_results_arrive_on_the_sources_topic_and_the_status_says_online(
    broker: Broker, listener: Listener, tmp_path: Path
) -> None:
    await until(lambda: listener.ready)
    made = sink("mqtt", context(tmp_path), port=broker.port, qos=1, **LOGIN)
    await made.open()
    for number, found in ((1, answer()), (2, None)):
        await made.write(result(number, found))
    await until(lambda: len(listener.heard) >= 2)
    await made.close()
    await until(lambda: len(listener.heard) >= 3)
    heard = {topic: payload for topic, payload, _ in listener.heard[:2]}
    assert heard[f"{TOPIC}/status"] == b"online"
    body = json.loads(heard[f"{TOPIC}/door"])
    assert (body["frame_id"], body["output"]["predictions"][0]["class"]) == (2, "circle")
    assert listener.heard[2][:2] == (f"{TOPIC}/status", b"offline")


async def test_a_result_waits_while_the_broker_is_away_when_it_is_to_be_confirmed(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        made = sink("mqtt", context(tmp_path), port=broker.port, qos=1, **LOGIN)
        await made.open()
        await until(made._client.is_connected)  # type: ignore[attr-defined]
        broker.kill()
        await until(lambda: not made._client.is_connected())  # type: ignore[attr-defined]
        await made.write(result(7))
        broker.start()
        listener = Listener(broker.port)
        try:
            await until(lambda: any(b'"frame_id":7' in payload for _, payload, _ in listener.heard), 20)
        finally:
            listener.close()
            await made.close()


async def test_without_a_connection_an_unconfirmed_result_is_an_error_and_no_wait(
    broker: Broker, tmp_path: Path
) -> None:
    made = sink("mqtt", context(tmp_path), port=broker.port, host="127.0.0.1", username="camera", password="wrong")
    await made.open()
    with pytest.raises(SinkUnavailable, match="no connection"):
        await made.write(result(1))
    await made.close()
