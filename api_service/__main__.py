"""``python -m api_service``: serve until SIGTERM or SIGINT, then finish what runs and leave."""

from __future__ import annotations

import logging
import sys

from aiohttp import web

from api_service.access_log import AccessLogger
from api_service.app import create_app
from api_service.processes import run_many
from api_service.settings import ApiSettings
from shared import log

try:
    import uvloop as loops
except ModuleNotFoundError:  # Windows has none
    import asyncio as loops  # type: ignore[no-redef]


def serve(settings: ApiSettings) -> None:
    """One process: accept, answer, and on a signal stop accepting, finish the running requests and close."""
    log.configure(settings, "api")
    web.run_app(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        reuse_port=settings.reuse_port or settings.processes > 1 or None,
        backlog=settings.backlog,
        keepalive_timeout=settings.keepalive_timeout_s,
        shutdown_timeout=settings.drain_timeout_s,
        access_log=logging.getLogger("access") if settings.access_log else None,
        access_log_class=AccessLogger,
        print=None,
        loop=loops.new_event_loop(),
    )


def main() -> int:
    """One process, or as many as the settings say."""
    settings = ApiSettings()
    if settings.processes == 1:
        serve(settings)
        return 0
    return run_many(serve, settings)


if __name__ == "__main__":
    sys.exit(main())
