"""Keys, their text forms and the signature header, against the standard's own rules."""

from __future__ import annotations

import base64
import json
import time

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook, WebhookVerificationError

from shared.errors import InvalidRequest
from shared.webhooks.signature import headers, new_key, parse_key

BODY = json.dumps({"type": "job.succeeded", "data": {"ä": "ö"}}).encode()


def now() -> int:
    return int(time.time())


def test_the_official_package_verifies_and_refuses_a_changed_body() -> None:
    key = new_key("hmac")
    signed = headers([key], "msg_1", now(), BODY)
    assert Webhook(key.text).verify(BODY, signed) == json.loads(BODY)
    with pytest.raises(WebhookVerificationError):
        Webhook(key.text).verify(BODY + b" ", signed)
    with pytest.raises(WebhookVerificationError):
        Webhook(key.text).verify(BODY, {**signed, "webhook-id": "msg_2"})


def test_the_official_package_and_ours_sign_alike() -> None:
    key = new_key("hmac")
    signed = headers([key], "msg_1", 1_700_000_000, BODY)
    import datetime

    when = datetime.datetime.fromtimestamp(1_700_000_000, datetime.timezone.utc)
    assert signed["webhook-signature"] == Webhook(key.text).sign("msg_1", when, BODY.decode())
    assert signed["webhook-timestamp"] == "1700000000"


def test_during_a_rotation_either_key_verifies() -> None:
    old, new, pair = new_key("hmac"), new_key("hmac"), new_key("ed25519")
    signed = headers([new, old, pair], "msg_1", now(), BODY)
    assert [part.split(",")[0] for part in signed["webhook-signature"].split(" ")] == ["v1", "v1", "v1a"]
    for key in (old, new):
        assert Webhook(key.text).verify(BODY, signed) == json.loads(BODY)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_key("hmac").text).verify(BODY, signed)


def test_ed25519_verifies_with_the_public_half_only() -> None:
    key = new_key("ed25519")
    signed = headers([key], "msg_1", 5, BODY)
    assert key.public_text is not None
    assert key.public_text.startswith("whpk_")
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key.public_text.removeprefix("whpk_")))
    version, signature = signed["webhook-signature"].split(",")
    assert version == "v1a"
    public.verify(base64.b64decode(signature), b"msg_1.5." + BODY)
    with pytest.raises(InvalidSignature):
        public.verify(base64.b64decode(signature), b"msg_1.6." + BODY)


@pytest.mark.parametrize("kind", ["hmac", "ed25519"])
def test_text_forms_read_back(kind: str) -> None:
    key = new_key(kind)  # type: ignore[arg-type]
    assert parse_key(key.text) == key
    assert key.text.startswith({"hmac": "whsec_", "ed25519": "whsk_"}[kind])


@pytest.mark.parametrize(
    "text",
    [
        "secret",
        "whsec_%%%",
        "whsec_" + base64.b64encode(b"x" * 23).decode(),
        "whsec_" + base64.b64encode(b"x" * 65).decode(),
        "whsk_" + base64.b64encode(b"x" * 31).decode(),
        "whsk_" + base64.b64encode(b"x" * 64).decode(),
        "whpk_" + base64.b64encode(b"x" * 32).decode(),
    ],
)
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_key(text)
