"""This service's series for its own /metrics; the API's has the same of all services, from their reports in Redis."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from shared.metrics import streams
from shared.streams.records import Streamer

Figures = Callable[[], tuple[list[streams.StreamFigures], Streamer]]


class OwnSeries(Collector):
    """Of what ``figures`` tells: this service's streams, and its load. It is called in other threads."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    @override
    def collect(self) -> Iterator[Metric]:
        rows, load = self._figures()
        yield from streams.families(rows)
        yield from streams.services([load])
