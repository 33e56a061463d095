"""What becomes of a message when Celery's connection is closed; ``bench.chaos`` shows that the worker goes on."""

from __future__ import annotations

from queue import Empty
from typing import Any

import pytest

from worker_service.celery_app import app

pytestmark = pytest.mark.integration


def test_an_unacknowledged_message_is_not_put_back_at_once(redis_url: str) -> None:
    """It waits for ``visibility_timeout``: the clock has told of the same work long before."""
    first: Any = app.connection_for_read(redis_url)
    queue = first.SimpleQueue("unacknowledged")
    queue.put("work")
    queue.get(timeout=5)
    first.close()
    with app.connection_for_read(redis_url) as second, pytest.raises(Empty):
        second.SimpleQueue("unacknowledged").get(timeout=0.5)
