"""The allowance of uploads over all workers, in a real Redis."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from shared.errors import QueueUnavailable
from shared.redis import connect
from shared.settings import RedisSettings
from shared.workflows.blocks.sinks._allowance import Allowance
from shared.workflows.services import Services

pytestmark = pytest.mark.integration
NOON = datetime(2026, 11, 26, 12, tzinfo=timezone.utc)


def allowance(url: str, later: timedelta = timedelta(0), quota: str = "q") -> Allowance:
    """As another worker has it: with a connection of its own."""
    services = Services(redis=connect(RedisSettings(redis_url=url)), now=lambda: NOON + later)
    return Allowance(services, "shapes", quota, {"minutely": 2, "hourly": 3})


def test_workers_share_an_allowance(redis_url: str) -> None:
    assert [allowance(redis_url).take() for _ in range(3)] == [True, True, False]
    allowance(redis_url).give_back()
    assert [allowance(redis_url).take() for _ in range(2)] == [True, False]
    minute = timedelta(minutes=1)
    assert [allowance(redis_url, minute).take() for _ in range(2)] == [True, False]  # the hour's is used up
    assert allowance(redis_url, timedelta(hours=1)).take()
    assert allowance(redis_url, quota="other").take()


def test_without_redis_nothing_is_taken() -> None:
    with pytest.raises(QueueUnavailable):
        allowance("redis://127.0.0.1:1/0").take()
