"""The embedded redis-server keeps what it accepted and is reachable from this machine only."""

from __future__ import annotations

import socket

import pytest
import redis

from tests.redis_server import RedisServer

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_data_survives_a_stop_and_a_crash(redis_server: RedisServer, end: str) -> None:
    with redis.Redis(port=redis_server.port) as client:
        client.set("kept", "yes")
    getattr(redis_server, end)()
    assert not redis_server.running
    redis_server.start()
    with redis.Redis(port=redis_server.port) as client:
        assert client.get("kept") == b"yes"


def test_each_test_starts_empty(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0


def test_a_full_server_refuses_and_never_evicts(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        assert client.config_get("bind") == {"bind": "127.0.0.1"}


def test_the_network_is_closed_to_tests() -> None:
    with pytest.raises(OSError, match="loopback only"), socket.socket() as connection:
        connection.connect(("192.0.2.1", 80))
