"""A process's own /metrics, for whoever scrapes every process itself. Off unless a port is set."""

from __future__ import annotations

from threading import Thread
from wsgiref.simple_server import WSGIServer

import structlog
from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, start_http_server
from prometheus_client.registry import Collector

from shared.metrics.settings import MetricsSettings

log = structlog.get_logger(__name__)


class Exporter:
    """Serves what ``own`` collects, in other threads, and the series of the process. Start it, stop it."""

    def __init__(self, settings: MetricsSettings, own: Collector) -> None:
        self._settings = settings
        self._own = own
        self._server: tuple[WSGIServer, Thread] | None = None

    @property
    def port(self) -> int:
        """Where it listens; 0 when it does not."""
        return int(self._server[0].server_port) if self._server is not None else 0

    def start(self) -> None:
        """Listen, if a port is set. A port in use is told and costs the process nothing else."""
        port, host = self._settings.metrics_port, self._settings.metrics_host
        if not port:
            return
        registry = CollectorRegistry()
        registry.register(self._own)
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
