"""JSON inside of what language models write."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

FENCED = re.compile(r"```(?:json)?\s*(.*?)```", re.DOTALL | re.IGNORECASE)


def read_object(text: Any) -> dict[str, Any] | None:
    """The first fenced JSON object, or the text as a whole; None when neither is one."""
    return next((found for found in _candidates(text) if isinstance(found, dict)), None)


def read_any(text: Any) -> dict[str, Any] | list[Any] | None:
    """As ``read_object``; a list counts too."""
    return next((found for found in _candidates(text) if isinstance(found, (dict, list))), None)


def _candidates(text: Any) -> Iterator[Any]:
    if not isinstance(text, str):
        return
    for candidate in (*FENCED.findall(text), text):
        try:
            yield json.loads(candidate)
        except (ValueError, RecursionError):
            continue
