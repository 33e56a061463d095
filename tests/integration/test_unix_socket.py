"""Redis by a unix socket, which is written otherwise for redis-py than for Celery's transport."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
import redis
from kombu import Connection

from deploy.local.redis_server import LONGEST_SOCKET, by_socket, socket_in
from shared.queue.line import Line
from shared.redis import connect
from shared.settings import RedisSettings
from tests.redis_server import RedisServer
from worker_service.transport import TRANSPORT, Transport, broker_url

pytestmark = pytest.mark.integration


def test_tcp_stays_as_it_is() -> None:
    assert broker_url("redis://:secret@127.0.0.1:6379/2") == "redis://:secret@127.0.0.1:6379/2"


def test_a_path_that_no_socket_can_have(tmp_path: Path) -> None:
    assert socket_in(tmp_path / ("x" * LONGEST_SOCKET)) is None
    assert socket_in(Path("/tmp")) == Path("/tmp/redis.sock")


@pytest.mark.parametrize("password", ["", "a-b_c", "a:b@c/d?e"])
async def test_every_client_reaches_it(password: str, tmp_path: Path) -> None:
    server = RedisServer(tmp_path, "a socket")
    server.start()
    try:
        with redis.Redis(port=server.port) as client:
            client.config_set("requirepass", password)
        plain = f"redis://:{quote(password, safe='')}@127.0.0.1/0" if password else server.url
        url = by_socket(plain, server.socket)
        with connect(RedisSettings(redis_url=url)) as client:
            assert client.ping()
        with Connection(broker_url(url), transport=TRANSPORT) as broker:
            assert isinstance(broker.transport, Transport)
            broker.channel().close()  # which sends a PING
        line = Line(RedisSettings(redis_url=url), lambda *_: None)
        assert await line.client.ping()
        await line.client.aclose()
    finally:
        server.stop()
