"""Which days of the account are asked for."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from api_service.routes.usage import _asked
from api_service.schemas.usage import UsageQuery
from shared.errors import InvalidRequest
from shared.usage.store import today


@pytest.mark.parametrize("until", [date.min, date(1, 1, 29), date(2000, 1, 1)])
def test_days_before_the_account_began_are_none(until: date) -> None:
    """Found by bench.fuzz: the first day of the calendar was answered with 500."""
    asked = _asked(UsageQuery(until=until), 90)
    assert asked.last == until
    assert asked.first > asked.last


def test_thirty_days_back_unless_told() -> None:
    asked = _asked(UsageQuery(), 90)
    assert (asked.first, asked.last) == (today() - timedelta(29), today())
    assert _asked(UsageQuery(until=date.max), 90).last == today()
    with pytest.raises(InvalidRequest):
        _asked(UsageQuery(since=date(2020, 1, 2), until=date(2020, 1, 1)), 90)
