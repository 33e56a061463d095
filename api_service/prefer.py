"""How long a client wants to wait: the ``Prefer`` header of RFC 7240."""

from __future__ import annotations

import math
import re

WAIT = re.compile(r"""wait\s*=\s*"?(\d{1,6})"?""", re.IGNORECASE)


def wait_seconds(prefer: str, most: float) -> float:
    """Seconds of the first ``wait`` preference, at most ``most``; 0 when there is none.

    Other preferences (``respond-async`` among them) change nothing: not waiting is what we do anyway.
    """
    for preference in re.split(r"[,;]", prefer):
        found = WAIT.fullmatch(preference.strip())
        if found:
            return min(float(found[1]), most)
    return 0.0


def applied(seconds: float) -> str:
    """The value of ``Preference-Applied``."""
    return f"respond-async, wait={math.floor(seconds)}"
