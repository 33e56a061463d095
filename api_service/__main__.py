"""``python -m api_service``: serve until SIGTERM or SIGINT, then finish what runs and leave."""

from __future__ import annotations

import gc
import logging
import socket
import sys

import structlog
from aiohttp import web

from api_service.access_log import AccessLogger
from api_service.app import create_app
from api_service.processes import CANNOT_LISTEN, run
from api_service.settings import ApiSettings
from shared import log, tracing
from shared.settings import read
from shared.tracing.settings import TracingSettings

try:
    import uvloop as loops
except ModuleNotFoundError:  # Windows has none
    import asyncio as loops  # type: ignore[no-redef]


def serve(settings: ApiSettings) -> int:
    """One process: accept, answer, and on a signal stop accepting, finish the running requests and close."""
    log.configure(settings, "api")
    tracing.start(read(TracingSettings), "api")
    logger = structlog.get_logger(__name__)
    try:
        listening = listen(settings)
    except OSError as error:
        logger.error("api.cannot_listen", host=settings.host, port=settings.port, reason=error.strerror)  # noqa: TRY400
        return CANNOT_LISTEN
    logger.info("api.listening", host=settings.host, port=settings.port)
    app = create_app(settings)
    gc.freeze()  # what lives as long as the process need not be looked through again and again
    web.run_app(
        app,
        sock=listening,
        backlog=settings.backlog,
        keepalive_timeout=settings.keepalive_timeout_s,
        handler_cancellation=True,  # route.py says whom it reaches
        shutdown_timeout=settings.drain_timeout_s,
        access_log=logging.getLogger("access") if settings.access_log else None,
        access_log_class=AccessLogger,
        access_log_format=settings.log_format,
        print=None,
        loop=loops.new_event_loop(),
    )
    tracing.stop()
    return 0


def listen(settings: ApiSettings) -> socket.socket:
    """The listening socket, made first so that a port in use is known before anything else starts. Raises OSError."""
    return socket.create_server(
        (settings.host, settings.port),
        family=socket.AF_INET6 if ":" in settings.host else socket.AF_INET,
        backlog=settings.backlog,
        reuse_port=settings.reuse_port or settings.processes > 1,
    )


def main() -> int:
    """One process, or as many as the settings say."""
    settings = read(ApiSettings)
    return serve(settings) if settings.processes == 1 else run(serve, settings)


if __name__ == "__main__":
    sys.exit(main())
