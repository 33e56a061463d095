"""This worker's own /metrics, for whoever scrapes every process itself. Off unless a port is set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Thread
from wsgiref.simple_server import WSGIServer

import structlog
from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, start_http_server
from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from shared.fleet.state import WorkerInfo
from shared.metrics import workers
from shared.metrics.labels import ModelLabels
from shared.metrics.settings import MetricsSettings

log = structlog.get_logger(__name__)


class Exporter:
    """The same series as at the API's /metrics, and those of the process. Start it, stop it."""

    def __init__(self, settings: MetricsSettings, info: Callable[[], WorkerInfo]) -> None:
        self._settings = settings
        self._info = info
        self._server: tuple[WSGIServer, Thread] | None = None

    def start(self) -> None:
        """Listen, if a port is set. A port in use is told and costs the worker nothing else."""
        if not self._settings.metrics_port:
            return
        registry = CollectorRegistry()
        registry.register(_Own(self._info, ModelLabels(self._settings.metrics_max_models)))
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        port, host = self._settings.metrics_port, self._settings.metrics_host
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
    def __init__(self, info: Callable[[], WorkerInfo], labels: ModelLabels) -> None:
        self._info = info
        self._labels = labels

    @override
    def collect(self) -> Iterator[Metric]:
        yield from workers.families([self._info()], self._labels)
