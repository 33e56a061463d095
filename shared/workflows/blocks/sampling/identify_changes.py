"""When embeddings change."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt

from shared.errors import InvalidRequest
from shared.workflows import kinds
from shared.workflows.block import STATEFUL, Block
from shared.workflows.blocks.math.cosine_similarity import cosine
from shared.workflows.blocks.sampling.identify_outliers import unit
from shared.workflows.fields import FractionRef, IntRef, Selector, StepFields
from shared.workflows.services import Services

EXPONENTIAL, SIMPLE, WINDOW = "Exponential Moving Average (EMA)", "Simple Moving Average (SMA)", "Sliding Window"

Value = npt.NDArray[np.float64]


@dataclass
class Statistics:
    """Mean and standard deviation of values so far; ``smoothing`` counts for EXPONENTIAL, ``window`` for WINDOW."""

    mean: Value
    variance: Value
    count: int = 1
    window: deque[Value] = field(default_factory=deque)

    @classmethod
    def of(cls, first: Value) -> Statistics:
        """After one value."""
        return cls(first, np.zeros_like(first), window=deque([first]))

    @property
    def deviation(self) -> Value:
        """Standard deviation."""
        return np.asarray(np.sqrt(self.variance))

    def add(self, value: Value, strategy: str, smoothing: float, window: int) -> None:
        """One more value. The simple average is of all values, its variance that of a sample."""
        self.count += 1
        if strategy == EXPONENTIAL:
            self.mean = (1 - smoothing) * self.mean + smoothing * value
            self.variance = (1 - smoothing) * self.variance + smoothing * (value - self.mean) ** 2
        elif strategy == SIMPLE:  # Welford's
            before = value - self.mean
            self.mean = self.mean + before / self.count
            total = self.variance * (self.count - 2) + before * (value - self.mean)
            self.variance = total / (self.count - 1)
        else:
            self.window.append(value)
            while len(self.window) > window:
                self.window.popleft()
            self.mean, self.variance = np.mean(self.window, axis=0), np.var(self.window, axis=0)


class IdentifyChanges(Block):
    """How like an embedding is to the average, against how alike they usually are: an unusual likeness is a change."""

    ids = ("roboflow_core/identify_changes@v1",)
    label = "Identify Changes"
    summary = "Tell when embeddings change, against what they have been on average."
    category = "video"
    outputs = {
        "is_outlier": (kinds.BOOLEAN,),
        "percentile": (kinds.FRACTION,),
        "z_score": (kinds.FLOAT,),
        "average": (kinds.EMBEDDING,),
        "std": (kinds.EMBEDDING,),
        "warming_up": (kinds.BOOLEAN,),
    }
    stateful = True
    restrictions = (STATEFUL,)

    class Fields(StepFields):
        """The share of likenesses that is unusual, half at either end; embeddings before judging; how to average."""

        strategy: Literal["Exponential Moving Average (EMA)", "Simple Moving Average (SMA)", "Sliding Window"] = (
            "Exponential Moving Average (EMA)"
        )
        embedding: Annotated[str, Selector(kinds.EMBEDDING)]
        threshold_percentile: FractionRef | float = 0.2
        warmup: IntRef | int = 3
        smoothing_factor: FractionRef | float | None = 0.1
        window_size: IntRef | int | None = 10

    def __init__(self, services: Services, step: str = "", init_values: Mapping[str, Any] | None = None) -> None:
        super().__init__(services, step, init_values)
        self._embeddings: Statistics | None = None
        self._likeness: Statistics | None = None

    def run(
        self, embedding: npt.ArrayLike, strategy: str, threshold_percentile: float, warmup: int, **values: Any
    ) -> dict[str, Any]:
        """The z-score of the likeness among those so far, its percentile from above, and the averages with it."""
        smoothing = 0.1 if values["smoothing_factor"] is None else values["smoothing_factor"]
        way = strategy, smoothing, max(1, values["window_size"] or 10)
        vector, score = unit(embedding), 0.0
        seen = 0 if self._embeddings is None else self._embeddings.count
        if self._embeddings is None:
            self._embeddings = Statistics.of(vector)
        else:
            if vector.shape != self._embeddings.mean.shape:
                raise InvalidRequest("Embeddings of different models cannot be compared.")
            score = self._unusual(np.array(cosine(vector, self._embeddings.mean)), way)
            self._embeddings.add(vector, *way)
        percentile = 1 - 0.5 * (1 + math.erf(score / math.sqrt(2)))
        warming = seen < warmup
        half = threshold_percentile / 2
        return {
            "is_outlier": not warming and (percentile <= half or percentile >= 1 - half),
            "percentile": percentile,
            "z_score": score,
            "average": self._embeddings.mean.tolist(),
            "std": self._embeddings.deviation.tolist(),
            "warming_up": warming,
        }

    def _unusual(self, likeness: Value, way: tuple[str, float, int]) -> float:
        """Standard deviations of a likeness from the mean of all so far, itself included; 0 while all are equal."""
        if self._likeness is None:
            self._likeness = Statistics.of(likeness)
        else:
            self._likeness.add(likeness, *way)
        deviation = float(self._likeness.deviation)
        return float(likeness - self._likeness.mean) / deviation if deviation > 1e-12 else 0.0
