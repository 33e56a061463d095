"""This worker's series for its own /metrics: the same as at the API's."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from shared.fleet.state import WorkerInfo
from shared.metrics import workers
from shared.metrics.labels import ModelLabels


class OwnSeries(Collector):
    """Of what ``info`` tells; models are capped as everywhere."""

    def __init__(self, info: Callable[[], WorkerInfo], max_models: int) -> None:
        self._info = info
        self._labels = ModelLabels(max_models)

    @override
    def collect(self) -> Iterator[Metric]:
        yield from workers.families([self._info()], self._labels)
