"""Encryption of secrets at rest: AES-256-GCM under a key that is not in Redis."""

from __future__ import annotations

import base64
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.errors import Unavailable
from shared.webhooks.settings import WebhookSettings

KEY_BYTES = 32
NONCE_BYTES = 12
FILE = "webhook.key"


class Sealer:
    """Seals and opens short texts, each bound to the name that it is stored under."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, name: str, secret: bytes) -> bytes:
        """Nonce and ciphertext."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret, name.encode())

    def open(self, name: str, sealed: bytes) -> bytes:
        """What was sealed under that name. Raises Unavailable when this process has another key."""
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], name.encode())
        except (InvalidTag, ValueError):
            raise Unavailable(
                "A webhook secret was encrypted with another key; give every process the same VISIONFLEET_WEBHOOK_KEY."
            ) from None


def load_sealer(settings: WebhookSettings) -> Sealer:
    """The sealer with the key of the settings, or with the key file's, which is made when there is none.

    Reads and writes files. Raises ValueError when the key is not 32 bytes in base64.
    """
    if settings.webhook_key is not None:
        return Sealer(_decode(settings.webhook_key.get_secret_value(), "VISIONFLEET_WEBHOOK_KEY"))
    path = settings.data_dir / FILE
    if not path.exists():
        _create(path)
    return Sealer(_decode(path.read_text(), str(path)))


def _create(path: Path) -> None:
    """Write a new key. Two processes may do so at once: linking decides, and nobody ever reads half a key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _decode(text: str, where: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise ValueError(f"{where} does not hold {KEY_BYTES} bytes as base64")
    return key
