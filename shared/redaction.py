"""Secrets in text that people or machines will read: found by their form, replaced by ``***``.

Nothing of ours logs a secret on purpose; this is for what libraries write, for tracebacks and for addresses.
"""

from __future__ import annotations

import re

HINTS = ("vf_", "api_key", "whsec_", "whsk_", "earer ", "://")
"""Text without any of these has none of the forms below; looking for them costs less than the patterns."""
FORMS = (
    (re.compile(r"\bvf_([0-9a-f]{12})_[A-Za-z0-9_-]{8,}"), r"vf_\1_***"),  # the id is no secret and helps
    (re.compile(r"\b(wh(?:sec|sk)_)[A-Za-z0-9+/=]{8,}"), r"\1***"),
    (re.compile(r"(\bapi_key[\"']?\s*[=:]\s*[\"']?)(?!vf_)[^\s\"'&,}]+", re.IGNORECASE), r"\1***"),
    (re.compile(r"(\bbearer +)(?!vf_)[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE), r"\1***"),
    (
        re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s/:@\"']*:)[^\s@\"']+(@)", re.IGNORECASE),
        r"\1***\2",
    ),  # redis://:password@host
)


def redacted(text: str) -> str:
    """The text without API keys, webhook secrets, bearer tokens and passwords in addresses."""
    if not any(hint in text for hint in HINTS):
        return text
    for form, replacement in FORMS:
        text = form.sub(replacement, text)
    return text
