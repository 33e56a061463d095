"""Addresses of cameras without their credentials, for everything that is shown or logged."""

from __future__ import annotations

import re

HIDDEN = "***"
USERINFO = re.compile(r"(?<=://)[^?\s]*@")
"""Everything up to the last @: passwords with an unescaped @, : or / are common in camera URLs."""
SECRET = re.compile(
    r"(?i)(?<=[?&;])((?:[\w.-]*(?:pass|pwd|token|secret|key|auth|sig|credential|user|login)[\w.-]*)=)[^&;#\s]*"
)

NAME = re.compile(r"(?i)pass|pwd|token|secret|key|auth|credential")


def hide(name: str, value: str) -> str:
    """An option's value as it may be shown: nothing of a secret, a URL without its credentials."""
    return HIDDEN if NAME.search(name) else redact(value)


def redact(reference: str | int) -> str:
    """The reference with user name, password and secret query values replaced by ``***``."""
    text = USERINFO.sub(f"{HIDDEN}@", str(reference))
    return SECRET.sub(rf"\1{HIDDEN}", text)


def scrub(text: str, *references: str | int) -> str:
    """A message of a library in which any of the references may stand, without their credentials."""
    for reference in references:
        text = text.replace(str(reference), redact(reference))
    return USERINFO.sub(f"{HIDDEN}@", text)
