"""What every test gets: a clean environment, no network beyond this machine, and a real Redis for those that ask."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

from tests.redis_server import RedisServer

# An example that takes long says how busy the machine is, nothing about the code.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

# A developer's own settings must not reach a test; what a test needs it sets with monkeypatch or passes on. Goldens can
# be held against other hardware: TEST_PROFILE=gpu pytest tests/parity
for _name in [name for name in os.environ if name.startswith("VISIONFLEET_") or name == "REDIS_URL"]:
    del os.environ[_name]
if _profile := os.environ.get("TEST_PROFILE"):
    os.environ["VISIONFLEET_PROFILE"] = _profile


@pytest.fixture(autouse=True, scope="session")
def only_loopback() -> Iterator[None]:
    """Refuse every connection that would leave this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in {socket.AF_INET, socket.AF_INET6} and not is_loopback(str(address[0])):
            raise OSError(errno.ENETUNREACH, f"tests reach loopback only, not {address}")
        connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded)
        yield


def is_loopback(host: str) -> bool:
    return host in {"localhost", "::1"} or host.startswith("127.")


@pytest.fixture(scope="session")
def redis_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One redis-server for the session (for each xdist worker its own)."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def redis_server(redis_process: RedisServer) -> RedisServer:
    """A running, empty redis-server; a test may stop(), kill(), start() or restart() it."""
    redis_process.start()
    redis_process.flush()
    return redis_process


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """The URL of an empty, real redis-server."""
    return redis_server.url
