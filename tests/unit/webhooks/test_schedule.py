"""What follows from an attempt."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest

from shared.webhooks.schedule import BUSY_S, DELAYS_S, MOST_RETRY_AFTER_S, judge, seconds_of


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_success(status: int) -> None:
    assert judge(1, status, None).state == "delivered"


@pytest.mark.parametrize("status", [None, 199, 301, 302, 307, 400, 404, 418, 500])
def test_everything_else_is_a_failure_and_is_tried_again(status: int | None) -> None:
    for attempt in range(1, len(DELAYS_S)):
        verdict = judge(attempt, status, None)
        assert verdict.state == "pending"
        assert DELAYS_S[attempt] <= verdict.delay_s <= 1.1 * DELAYS_S[attempt]
        assert verdict.hold_s == 0
    assert judge(len(DELAYS_S), status, None).state == "failed"


def test_the_schedule_is_the_standards() -> None:
    assert sum(DELAYS_S) == 75 * 3600 + 35 * 60 + 5
    assert len(DELAYS_S) == 10


def test_jitter_spreads() -> None:
    assert len({judge(3, 500, None).delay_s for _ in range(50)}) > 40


def test_gone_disables() -> None:
    assert judge(1, 410, None).state == "disabled"


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_receiver_is_left_alone(status: int) -> None:
    assert judge(1, status, None).hold_s == BUSY_S
    verdict = judge(1, status, "120")
    assert verdict.hold_s == 120
    assert 120 <= verdict.delay_s <= 132
    assert judge(5, status, "1").delay_s >= DELAYS_S[5], "a short Retry-After does not shorten the schedule"


def test_retry_after_in_both_forms() -> None:
    soon = format_datetime(datetime.now(timezone.utc) + timedelta(seconds=90), usegmt=True)
    past = format_datetime(datetime.now(timezone.utc) - timedelta(seconds=90), usegmt=True)
    assert 85 <= seconds_of(soon) <= 90
    assert [seconds_of(text) for text in (None, "", "soon", "-5", "1.5", past, "٣")] == [0.0] * 7
    assert seconds_of("9" * 40) == MOST_RETRY_AFTER_S
