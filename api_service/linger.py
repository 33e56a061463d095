"""The end of a server behind a gateway: it says that it leaves, goes on accepting for a while, then drains."""

from __future__ import annotations

import asyncio
import signal
from typing import NoReturn

import structlog
from aiohttp import web

from api_service.context import LEAVING, SETTINGS

log = structlog.get_logger(__name__)


async def listen(app: web.Application) -> None:
    """Takes over SIGTERM from aiohttp, which would stop accepting at once."""
    seconds = app[SETTINGS].linger_s
    if seconds > 0:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, leave, app, seconds)


def leave(app: web.Application, seconds: float) -> None:
    """Begin to leave; the second time, leave at once."""
    loop = asyncio.get_running_loop()
    if app[LEAVING].is_set():
        _exit()
    app[LEAVING].set()
    log.info("api.lingering", seconds=seconds)
    loop.call_later(seconds, _exit)


def _exit() -> NoReturn:
    raise web.GracefulExit  # as aiohttp's own handler does
