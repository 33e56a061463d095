"""JSON inside of what language models write."""

from __future__ import annotations

import json
import re
from typing import Any

FENCED = re.compile(r"```(?:json)?\s*(.*?)```", re.DOTALL | re.IGNORECASE)


def read_object(text: Any) -> dict[str, Any] | None:
    """The first fenced JSON object, or the text as a whole; None when neither is one."""
    if not isinstance(text, str):
        return None
    for candidate in (*FENCED.findall(text), text):
        try:
            found = json.loads(candidate)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            return found
    return None
