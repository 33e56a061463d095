"""Checking that a webhook comes from our server and now: Standard Webhooks 1.0 (standardwebhooks.com)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from visionfleet.errors import BadSignature, InvalidRequest, NotInstalled

TOLERANCE_S = 300.0
HMAC_PREFIX, PUBLIC_PREFIX = "whsec_", "whpk_"


@dataclass(frozen=True)
class WebhookEvent:
    """What a verified webhook tells. ``id`` is the same in every attempt to deliver it: do it once by that.

    Attributes:
        type: such as ``job.succeeded``.
        timestamp: ISO 8601, when it happened.
        data: the job: ``id``, ``state``, ``result_url``, and more when the mode was ``inline``.
    """

    id: str
    type: str
    timestamp: str
    data: Mapping[str, Any]


def verify(
    body: bytes | str,
    headers: Mapping[str, str],
    secrets: str | Sequence[str],
    *,
    tolerance: float = TOLERANCE_S,
    now: float | None = None,
) -> WebhookEvent:
    """The event in a webhook's body, when one of its signatures was made with one of the secrets, lately.

    Args:
        body: as it was received, byte for byte.
        headers: of the request, in any case.
        secrets: ``whsec_...`` (HMAC) or ``whpk_...`` (the public key of ed25519); several while one is rotated.
        tolerance: seconds that the sender's clock and ours may differ, and that a message may be under way.
        now: seconds since the epoch; the clock when not given.

    Raises:
        BadSignature: a header is missing, the time is off, no signature fits, or the body is no event.
        InvalidRequest: a secret is none.
        NotInstalled: ed25519 needs the package cryptography.
    """
    payload = body.encode() if isinstance(body, str) else body
    found = {name.lower(): value for name, value in headers.items()}
    try:
        message_id, sent = found["webhook-id"], found["webhook-timestamp"]
        signatures = found["webhook-signature"].split()
    except KeyError as missing:
        raise BadSignature(f"The header {missing.args[0]} is missing.") from None
    _check_time(sent, time.time() if now is None else now, tolerance)
    signed = b"%b.%b.%b" % (message_id.encode(), sent.encode(), payload)
    known = [secrets] if isinstance(secrets, str) else list(secrets)
    if not any(_fits(signature, signed, secret) for secret in known for signature in signatures):
        raise BadSignature("No signature of the webhook fits the secret.")
    try:
        event = json.loads(payload)
        return WebhookEvent(message_id, str(event["type"]), str(event["timestamp"]), dict(event["data"]))
    except (ValueError, KeyError, TypeError) as error:
        raise BadSignature("The webhook's body is no event.") from error


def _check_time(sent: str, now: float, tolerance: float) -> None:
    if not sent.isascii() or not sent.isdigit():
        raise BadSignature("The header webhook-timestamp is no number.")
    if abs(now - int(sent)) > tolerance:
        raise BadSignature("The webhook is too old or its time lies ahead; is the clock right?")


def _fits(signature: str, signed: bytes, secret: str) -> bool:
    version, _, text = signature.partition(",")
    if secret.startswith(PUBLIC_PREFIX):
        return version == "v1a" and _ed25519_fits(_decoded(secret.removeprefix(PUBLIC_PREFIX)), text, signed)
    if secret.startswith("whsk_"):
        raise InvalidRequest("whsk_... signs webhooks and stays with the server; its whpk_... verifies them.")
    key = _decoded(secret.removeprefix(HMAC_PREFIX))
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return version == "v1" and hmac.compare_digest(expected.encode(), text.encode())


def _ed25519_fits(key: bytes, text: str, signed: bytes) -> bool:
    try:
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - optional: HMAC needs it not
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415
    except ImportError:
        raise NotInstalled("ed25519 signatures need cryptography: pip install cryptography.") from None
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(base64.b64decode(text, validate=True), signed)
    except (InvalidSignature, ValueError):
        return False
    return True


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest("The webhook secret is not base64 after its prefix.") from None
