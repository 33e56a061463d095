"""Webhooks: what our server and the official package sign, verified; what is forged or old, refused."""

from __future__ import annotations

import base64
from datetime import datetime, timezone

import pytest
from standardwebhooks.webhooks import Webhook
from visionfleet import AsyncClient, Client, verify_webhook
from visionfleet.errors import BadSignature, InvalidRequest

from shared.webhooks import signature
from shared.webhooks.signature import SigningKey, new_key
from tests.unit.client.fake_server import Answer, FakeServer

BODY = b'{"type":"job.succeeded","timestamp":"2026-01-01T00:00:00Z","data":{"id":"j1","state":"succeeded"}}'
NOW = 1_800_000_000
SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()


def headers(*keys: SigningKey, at: int = NOW) -> dict[str, str]:
    made = signature.headers(list(keys), "m1", at, BODY)
    return {name.title(): value for name, value in made.items()}


def test_what_our_server_signs() -> None:
    hmac_key, pair = new_key("hmac"), new_key("ed25519")
    signed = headers(hmac_key, pair)
    for secret in (hmac_key.text, str(pair.public_text)):
        event = verify_webhook(BODY, signed, secret, now=NOW + 100)
        assert (event.id, event.type, event.data["state"]) == ("m1", "job.succeeded", "succeeded")
    assert verify_webhook(BODY.decode(), signed, [new_key("hmac").text, hmac_key.text], now=NOW).id == "m1"


def test_what_the_official_package_signs() -> None:
    at = datetime.fromtimestamp(NOW, timezone.utc)
    signed = {"webhook-id": "m1", "webhook-timestamp": str(NOW)}
    written = Webhook(SECRET).sign("m1", at, BODY.decode())
    assert verify_webhook(BODY, {**signed, "webhook-signature": written}, SECRET, now=NOW).type == "job.succeeded"


def test_forgeries() -> None:
    key, other = new_key("hmac"), new_key("ed25519")
    good = headers(key)
    for body, sent, secret, now in (
        (BODY + b" ", good, key.text, NOW),
        (BODY, {**good, "Webhook-Id": "m2"}, key.text, NOW),
        (BODY, good, new_key("hmac").text, NOW),
        (BODY, good, str(other.public_text), NOW),
        (BODY, good, key.text, NOW + 301),
        (BODY, good, key.text, NOW - 301),
        (BODY, {**good, "Webhook-Timestamp": "soon"}, key.text, NOW),
        (BODY, {**good, "Webhook-Signature": "v1,AAAA v9,x nonsense"}, key.text, NOW),
        (BODY, {"Webhook-Id": "m1"}, key.text, NOW),
        (BODY, headers(other), key.text, NOW),
    ):
        with pytest.raises(BadSignature):
            verify_webhook(body, sent, secret, now=now)


def test_secrets_that_are_none() -> None:
    for secret in ("whsec_%%%", "whsk_" + base64.b64encode(b"x" * 64).decode()):
        with pytest.raises(InvalidRequest):
            verify_webhook(BODY, headers(new_key("hmac")), secret, now=NOW)


async def test_secrets_and_deliveries(client: Client, waiting: AsyncClient, server: FakeServer) -> None:
    keys = [{"kind": "hmac", "public_key": None, "created": "now", "expires": None, "secret": "whsec_x"}]
    server.answer("/v1/webhooks/secrets", Answer({"id": "s1", "name": "mine", "created": "now", "keys": keys}, 201))
    made = client.webhooks.create_secret("mine", ["hmac", "ed25519"])
    assert (made.id, made.keys[0]["secret"]) == ("s1", "whsec_x")
    assert "whsec_x" not in repr(made)
    assert server.asked[-1].json == {"name": "mine", "kinds": ["hmac", "ed25519"]}
    entry = {"id": "d1", "job": "j1", "type": "job.failed", "url": "https://x", "state": "pending", "newer": 1}
    server.answer(
        "/v1/webhooks/deliveries",
        Answer({"deliveries": [entry], "next": "c"}),
        Answer({"deliveries": [{**entry, "id": "d2"}], "next": None}),
    )
    assert [one.id for one in client.webhooks.deliveries(state="pending")] == ["d1", "d2"]
    assert server.asked[-1].query == {"state": "pending", "limit": "49", "cursor": "c"}
    server.answer("/v1/webhooks/deliveries/d1/replay", Answer(entry, 202))
    assert (await waiting.webhooks.replay("d1")).state == "pending"
