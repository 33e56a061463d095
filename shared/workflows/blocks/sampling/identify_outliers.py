"""Which embeddings are unlike those before."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt

from shared.errors import InvalidRequest
from shared.workflows import kinds
from shared.workflows.block import STATEFUL, Block
from shared.workflows.fields import FractionRef, IntRef, Selector, StepFields
from shared.workflows.services import Services


class IdentifyOutliers(Block):
    """Directions of a window of embeddings are compared with their mean direction (von Mises and Fisher's)."""

    ids = ("roboflow_core/identify_outliers@v1",)
    label = "Identify Outliers"
    summary = "Tell which embeddings are unlike the ones before."
    category = "video"
    outputs = {"is_outlier": (kinds.BOOLEAN,), "percentile": (kinds.FRACTION,), "warming_up": (kinds.BOOLEAN,)}
    stateful = True
    restrictions = (STATEFUL,)

    class Fields(StepFields):
        """The share at either end that is an outlier; embeddings before judging; embeddings that are remembered."""

        embedding: Annotated[str, Selector(kinds.EMBEDDING)]
        threshold_percentile: FractionRef | float = 0.05
        warmup: IntRef | int = 3
        window_size: IntRef | int | None = 32

    def __init__(self, services: Services, step: str = "", init_values: Mapping[str, Any] | None = None) -> None:
        super().__init__(services, step, init_values)
        self._seen = 0
        self._window: deque[npt.NDArray[np.float64]] = deque()

    def run(
        self, embedding: npt.ArrayLike, threshold_percentile: float, warmup: int, window_size: int | None
    ) -> dict[str, Any]:
        """Which share of the window lies further from its mean direction; an outlier at either end."""
        self._seen += 1
        self._window.append(unit(embedding))
        while window_size is not None and len(self._window) > max(1, window_size):
            self._window.popleft()
        if self._seen < warmup:
            return {"is_outlier": False, "percentile": 0.5, "warming_up": True}
        if len({len(one) for one in self._window}) > 1:
            raise InvalidRequest("Embeddings of different models cannot be compared.")
        window = np.stack(self._window)
        direction = unit(window.sum(axis=0))
        alike = window @ (direction if direction.any() else self._window[-1])
        percentile = float((alike < alike[-1]).mean())
        outlier = percentile < threshold_percentile or percentile > 1 - threshold_percentile
        return {"is_outlier": outlier, "percentile": percentile, "warming_up": False}


def unit(vector: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """The vector at length 1; zeros stay."""
    values = np.asarray(vector, np.float64).ravel()
    length = float(np.linalg.norm(values))
    return np.asarray(values / length) if length else values
