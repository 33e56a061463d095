"""What a client prefers: the ``Prefer`` header of RFC 7240."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

WAIT = re.compile(r"""wait\s*=\s*"?(\d{1,6})"?""", re.IGNORECASE)


@dataclass(frozen=True)
class Preference:
    """``wait`` in seconds, 0 without one, and whether the client named ``respond-async``, which we do in any case."""

    wait: float = 0.0
    respond_async: bool = False

    @property
    def applied(self) -> str:
        """The value of ``Preference-Applied``; empty when nothing that we know was asked for."""
        names = ["respond-async"] if self.respond_async else []
        return ", ".join([*names, f"wait={math.floor(self.wait)}"] if self.wait > 0 else names)


def parse(header: str, most: float) -> Preference:
    """The first ``wait``, at most ``most`` seconds, and ``respond-async``. Unknown preferences must be ignored."""
    wait, respond_async = 0.0, False
    for part in re.split(r"[,;]", header):
        preference = part.strip()
        respond_async = respond_async or preference.lower() == "respond-async"
        found = WAIT.fullmatch(preference)
        if found and not wait:
            wait = min(float(found[1]), most)
    return Preference(wait, respond_async)
