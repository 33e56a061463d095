"""This service's own /metrics, for whoever scrapes every process itself. Off unless a port is set.

The API's /metrics has the same series of all stream services, from their reports in Redis.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Thread
from wsgiref.simple_server import WSGIServer

import structlog
from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, start_http_server
from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from shared.metrics import streams
from shared.metrics.settings import MetricsSettings
from shared.streams.records import Streamer

log = structlog.get_logger(__name__)
Figures = Callable[[], tuple[list[streams.StreamFigures], Streamer]]


class Exporter:
    """Serves what ``figures`` tells: this service's streams, and its load. It is called in other threads."""

    def __init__(self, settings: MetricsSettings, figures: Figures) -> None:
        self._settings = settings
        self._figures = figures
        self._server: tuple[WSGIServer, Thread] | None = None

    @property
    def port(self) -> int:
        """Where it listens; 0 when it does not."""
        return int(self._server[0].server_port) if self._server is not None else 0

    def start(self) -> None:
        """Listen, if a port is set. A port in use is told and costs the streams nothing else."""
        port, host = self._settings.metrics_port, self._settings.metrics_host
        if not port:
            return
        registry = CollectorRegistry()
        registry.register(_Own(self._figures))
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        try:
            self._server = start_http_server(port, host, registry)
        except OSError as error:
            log.error("metrics.cannot_listen", host=host, port=port, reason=error.strerror)  # noqa: TRY400 - no bug

    def stop(self) -> None:
        """Listen no more."""
        if self._server is not None:
            server, thread = self._server
            server.shutdown()
            server.server_close()
            thread.join()
            self._server = None


class _Own(Collector):
    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    @override
    def collect(self) -> Iterator[Metric]:
        rows, load = self._figures()
        yield from streams.families(rows)
        yield from streams.services([load])
