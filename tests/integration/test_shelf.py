"""What workers share of images in a real Redis: bounded in bytes, the least recently used leaves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from shared import keys
from shared.redis import SyncRedis, connect
from shared.settings import RedisSettings
from tests.redis_server import RedisServer
from worker_service.consumer.settings import ConsumerSettings
from worker_service.consumer.shelf import RedisShelf

pytestmark = [pytest.mark.integration, pytest.mark.timeout(60)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    running = RedisServer(tmp_path_factory.mktemp("redis"))
    running.start()
    yield running
    running.stop()


@pytest.fixture
def client(server: RedisServer) -> SyncRedis:
    server.start()
    made = connect(RedisSettings(redis_url=server.url))
    made.flushall()
    return made


def shelf(client: SyncRedis, **settings: Any) -> RedisShelf:
    return RedisShelf(client, ConsumerSettings(**{"shared_remembered_bytes": 1000, **settings}))


def test_one_worker_finds_what_another_has_put(client: SyncRedis) -> None:
    shelf(client).put("a", b"embedding")
    other = shelf(client)
    assert (other.get("a"), other.get("b")) == (b"embedding", None)


def test_the_least_recently_used_leaves(client: SyncRedis) -> None:
    kept = shelf(client)
    for key in ("a", "b"):
        kept.put(key, bytes(400))
    client.zadd("vf:remembered", {"a": 1, "b": 2})  # the clock may have stood still
    assert kept.get("a") is not None
    kept.put("c", bytes(400))
    assert [kept.get(key) is not None for key in ("a", "b", "c")] == [True, False, True]
    assert sorted(client.hkeys("vf:remembered:sizes")) == [b"a", b"c"]
    kept.put("large", bytes(1001))
    kept.put("all", bytes(1000))
    assert [kept.get(key) is not None for key in ("a", "c", "large", "all")] == [False, False, False, True]
    kept.put("all", b"again")
    assert client.hget("vf:remembered:sizes", "all") == b"5"


def test_nothing_stays_for_ever(client: SyncRedis) -> None:
    kept = shelf(client, shared_remembered_ttl_s=50)
    kept.put("a", b"x")
    for key in keys.remembered("a"):
        assert 0 < client.ttl(key) <= 50
    client.delete(keys.remembered("a")[2])  # as when it has expired
    assert kept.get("a") is None
    assert client.zcard("vf:remembered") == 0


def test_a_redis_that_is_away_is_no_error(server: RedisServer, client: SyncRedis) -> None:
    kept = shelf(client)
    server.stop()
    kept.put("a", b"x")
    assert kept.get("a") is None
