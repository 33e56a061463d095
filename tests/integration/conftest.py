"""What tests of this folder leave behind is closed here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis


@pytest.fixture(autouse=True)
def _close_clients(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close every blocking client that a test, or what it runs in this process, has made.

    Left alone, one that hangs in a cycle (an exception's traceback holds its frame) ends when the collector comes by,
    which may find the socket before its owner: another test, often a long one, would then fail by a ResourceWarning.
    """
    made: list[redis.Redis] = []
    original = redis.Redis.from_url

    def remembered(*arguments: Any, **options: Any) -> redis.Redis:
        made.append(original(*arguments, **options))
        return made[-1]

    monkeypatch.setattr(redis.Redis, "from_url", remembered)
    yield
    for client in made:
        client.close()
