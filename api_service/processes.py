"""Several API processes on one port: the kernel spreads connections over them (SO_REUSEPORT).

Each is a full server with its own reply stream; if one dies the others go on and a new one takes its place.
"""

from __future__ import annotations

from collections.abc import Callable

from api_service import metrics_files
from api_service.settings import ApiSettings
from shared.processes import Processes

CANNOT_LISTEN = 3
"""Exit code of a server whose address is taken or not ours; starting another would not help."""


def run(serve: Callable[[ApiSettings], int], settings: ApiSettings) -> int:
    """Serve until SIGTERM or SIGINT, then let all children drain."""
    metrics_files.share()
    try:
        children = Processes(lambda _: serve(settings), settings.processes, CANNOT_LISTEN, metrics_files.forget)
        return children.run()
    finally:
        metrics_files.remove()
