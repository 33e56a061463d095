"""The text of an API key: ``vf_{id}_{secret}{checksum}``.

The id finds the record, the secret (256 random bits) proves the caller, the checksum tells a typing error from a wrong
key without asking anybody. Only SHA-256 of the whole is stored: so much randomness needs no slow hash.
"""

from __future__ import annotations

import re
import secrets
from hashlib import sha256
from typing import NamedTuple
from zlib import crc32

TOKEN = re.compile(r"vf_([0-9a-f]{12})_([A-Za-z0-9_-]{43})([0-9a-f]{8})")


class NewToken(NamedTuple):
    """A key just made: the text to show once, its id, and what to store."""

    text: str
    id: str
    digest: str


def new_token() -> NewToken:
    """A key that nobody has."""
    key_id = secrets.token_hex(6)
    body = f"vf_{key_id}_{secrets.token_urlsafe(32)}"
    text = f"{body}{_checksum(body)}"
    return NewToken(text, key_id, digest_of(text))


def id_of(text: str) -> str | None:
    """The id inside, or None when this is no key of ours."""
    found = TOKEN.fullmatch(text)
    if found is None or _checksum(text[:-8]) != found[3]:
        return None
    return found[1]


def digest_of(text: str) -> str:
    """Hex SHA-256."""
    return sha256(text.encode()).hexdigest()


def _checksum(body: str) -> str:
    return f"{crc32(body.encode()):08x}"
