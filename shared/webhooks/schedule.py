"""What follows from one attempt: delivered, try again and when, or give up."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Literal

# Standard Webhooks 1.0, "Delivery and retries": seconds from the failure of one attempt to the next, 75.6 h in all.
DELAYS_S = (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
JITTER = 0.1
"""Up to a tenth is added to each delay, so that failures of one moment are not repeated in one moment."""
BUSY = frozenset({429, 502, 503, 504})
"""The receiver asks for less; everything else that is due to it waits too."""
BUSY_S = 30.0
MOST_RETRY_AFTER_S = 86_400.0
GONE = 410

State = Literal["pending", "delivered", "failed", "disabled"]
ENDED: frozenset[str] = frozenset({"delivered", "failed", "disabled"})


@dataclass(frozen=True)
class Verdict:
    """The delivery's next state; seconds until the next attempt; seconds that everything for this URL must wait."""

    state: State
    delay_s: float = 0.0
    hold_s: float = 0.0


def judge(attempt: int, status: int | None, retry_after: str | None) -> Verdict:
    """What the answer to the ``attempt``-th attempt (from 1) means; status None is no answer at all."""
    if status is not None and 200 <= status < 300:
        return Verdict("delivered")
    if status == GONE:
        return Verdict("disabled")
    asked_s = seconds_of(retry_after)
    hold_s = asked_s or (BUSY_S if status in BUSY else 0.0)
    if attempt >= len(DELAYS_S):
        return Verdict("failed", hold_s=hold_s)
    delay_s = max(DELAYS_S[attempt], hold_s)
    return Verdict("pending", delay_s * (1 + JITTER * random.random()), hold_s)  # noqa: S311 - jitter is no secret


def seconds_of(retry_after: str | None) -> float:
    """Seconds that a ``Retry-After`` header asks for, in either of its forms; 0 when there is none to understand."""
    if retry_after is None:
        return 0.0
    text = retry_after.strip()
    if text.isdecimal() and text.isascii():
        return min(float(text[:9]), MOST_RETRY_AFTER_S)
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    if when.tzinfo is None:
        when = when.replace(tzinfo=timezone.utc)
    return min(max((when - datetime.now(timezone.utc)).total_seconds(), 0.0), MOST_RETRY_AFTER_S)
