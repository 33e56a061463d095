"""When to try again and how long to wait. Pure: the sync and the async transport share it."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

from visionfleet.errors import DeadlineExceeded, ServerUnreachable, VisionfleetError


@dataclass(frozen=True)
class RetryPolicy:
    """Exponential back-off with full jitter, so that clients that failed together do not come back together.

    Attributes:
        retries: attempts after the first one; 0 switches retrying off.
        base_s: upper bound of the first pause in seconds; it doubles with each attempt.
        cap_s: upper bound of every pause that the server did not ask for.
    """

    retries: int = 3
    base_s: float = 0.25
    cap_s: float = 8.0

    def pause(self, attempt: int, error: VisionfleetError, *, repeatable: bool) -> float | None:
        """Seconds to wait before the next attempt; None when there should be none.

        Args:
            attempt: attempts made so far, from 1.
            error: how the last one ended.
            repeatable: doing it twice does no harm. Otherwise it is repeated only when it surely was not done.
        """
        if attempt > self.retries or not error.retryable or not (repeatable or surely_not_done(error)):
            return None
        jitter = random.uniform(0, min(self.cap_s, self.base_s * 2 ** (attempt - 1)))  # noqa: S311 - no secret
        return jitter if error.retry_after is None else error.retry_after + jitter


def surely_not_done(error: VisionfleetError) -> bool:
    """Whether the request had no effect: it never arrived, or the server refused it."""
    if isinstance(error, ServerUnreachable):
        return not error.maybe_done
    return not isinstance(error, DeadlineExceeded) and error.status in {429, 503}


def retry_after_seconds(value: str | None, now: datetime | None = None) -> float | None:
    """A Retry-After header (seconds or an HTTP date) in seconds from now; None when absent or unreadable."""
    if not value:
        return None
    try:
        return max(0.0, float(int(value)))
    except ValueError:
        pass
    try:
        when = parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=timezone.utc)
    return max(0.0, (when - (now or datetime.now(timezone.utc))).total_seconds())
