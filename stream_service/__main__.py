"""``python -m stream_service``: run streams until SIGTERM or SIGINT, then hand them to the other replicas."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import av.logging

from shared import log
from shared.settings import read
from stream_service.service import Service
from stream_service.settings import StreamSettings


async def serve(settings: StreamSettings) -> None:
    """Run until a signal."""
    service = Service(settings)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, service.stop)
    await service.run()


def main() -> None:
    """Run; the process ends even when a camera's thread hangs in its library."""
    settings = read(StreamSettings)
    log.configure(settings, "streams")
    av.logging.set_level(None)  # FFmpeg's own lines show URLs with their passwords
    code = 1
    try:
        # Not asyncio.run: in the end it waits for every thread, minutes if one of them hangs.
        asyncio.new_event_loop().run_until_complete(serve(settings))
        code = 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
