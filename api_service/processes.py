"""Several API processes on one port: the kernel spreads connections over them (SO_REUSEPORT).

Each is a full server with its own reply stream; if one dies the others go on and a new one takes its place.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing.context import SpawnProcess
from types import FrameType

import structlog

from api_service.settings import ApiSettings

RESTART_DELAY_S = 1.0
POLL_S = 0.2

log = structlog.get_logger(__name__)


def run_many(serve: Callable[[ApiSettings], None], settings: ApiSettings) -> int:
    """Run ``settings.processes`` servers until SIGTERM or SIGINT, then let all of them drain."""
    stopping = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    servers = [_spawn(serve, settings) for _ in range(settings.processes)]
    while not stopping.wait(POLL_S):
        for position, server in enumerate(servers):
            if server.exitcode is not None:
                log.error("server.died", pid=server.pid, exit_code=server.exitcode)
                time.sleep(RESTART_DELAY_S)
                servers[position] = _spawn(serve, settings)
    for server in servers:
        server.terminate()
    for server in servers:
        server.join(settings.drain_timeout_s + 5)
    return 0


def _spawn(serve: Callable[[ApiSettings], None], settings: ApiSettings) -> SpawnProcess:
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(settings,))
    process.start()
    return process
