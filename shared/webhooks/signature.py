"""Signing a webhook as Standard Webhooks 1.0 wants it: keys, their text forms, and the signature header.

Signed is ``id.timestamp.body``. A header carries one signature for each key, separated by spaces, so that a receiver
may hold any one of them while keys change.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.errors import InvalidRequest

Kind = Literal["hmac", "ed25519"]
PREFIX: dict[Kind, str] = {"hmac": "whsec_", "ed25519": "whsk_"}
PUBLIC_PREFIX = "whpk_"
HMAC_BYTES = 32
# Standard Webhooks 1.0, "Signature scheme".
LEAST_HMAC_BYTES, MOST_HMAC_BYTES = 24, 64
SEED_BYTES = 32


@dataclass(frozen=True)
class SigningKey:
    """A key: the HMAC secret itself (24 to 64 bytes), or the seed of an ed25519 pair (32 bytes)."""

    kind: Kind
    secret: bytes

    @property
    def text(self) -> str:
        """The secret in the form that receivers configure: ``whsec_...``, or ``whsk_...`` with seed and public half."""
        raw = self.secret if self.kind == "hmac" else self.secret + self._pair().public_key().public_bytes_raw()
        return PREFIX[self.kind] + base64.b64encode(raw).decode()

    @property
    def public_text(self) -> str | None:
        """The public half, ``whpk_...``; an HMAC secret has none."""
        if self.kind == "hmac":
            return None
        return PUBLIC_PREFIX + base64.b64encode(self._pair().public_key().public_bytes_raw()).decode()

    def sign(self, content: bytes) -> str:
        """One signature: version, comma, base64."""
        if self.kind == "hmac":
            return "v1," + base64.b64encode(hmac.digest(self.secret, content, "sha256")).decode()
        return "v1a," + base64.b64encode(self._pair().sign(content)).decode()

    def _pair(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.secret)


def new_key(kind: Kind) -> SigningKey:
    """A random key."""
    return SigningKey(kind, secrets.token_bytes(HMAC_BYTES if kind == "hmac" else SEED_BYTES))


def parse_key(text: str) -> SigningKey:
    """The key of a ``whsec_`` or ``whsk_`` text. Raises InvalidRequest."""
    for kind, prefix in PREFIX.items():
        if text.startswith(prefix):
            return _checked(kind, _decode(text.removeprefix(prefix)))
    raise InvalidRequest("A webhook secret starts with 'whsec_' (HMAC) or 'whsk_' (ed25519).")


def headers(keys: Sequence[SigningKey], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers of one attempt; ``timestamp`` is that of the attempt, in seconds since the epoch."""
    content = b"%s.%d.%s" % (message_id.encode(), timestamp, body)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(key.sign(content) for key in keys),
    }


def _checked(kind: Kind, raw: bytes) -> SigningKey:
    if kind == "hmac":
        if not LEAST_HMAC_BYTES <= len(raw) <= MOST_HMAC_BYTES:
            raise InvalidRequest(f"An HMAC secret has {LEAST_HMAC_BYTES} to {MOST_HMAC_BYTES} bytes.")
        return SigningKey(kind, raw)
    if len(raw) not in (SEED_BYTES, 2 * SEED_BYTES):
        raise InvalidRequest("An ed25519 secret has 32 bytes, or 64 with its public half.")
    key = SigningKey(kind, raw[:SEED_BYTES])
    if len(raw) > SEED_BYTES and key.text != PREFIX[kind] + base64.b64encode(raw).decode():
        raise InvalidRequest("The public half of the ed25519 secret does not belong to its secret half.")
    return key


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise InvalidRequest("The webhook secret is not valid base64.") from None
