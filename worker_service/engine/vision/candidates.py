"""Boxes between a network's output and its answer, and the choice among them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Candidates:
    """Boxes that passed the threshold.

    Attributes:
        boxes: [n, 4] x0, y0, x1, y1 in input pixels.
        scores: [n].
        class_ids: [n] indices into the labels.
        extras: [n, k] what else the network says of each box: mask coefficients, keypoints, a query's number.
    """

    boxes: Floats
    scores: Floats
    class_ids: npt.NDArray[np.int64]
    extras: Floats

    def take(self, index: npt.NDArray[Any]) -> Candidates:
        """The boxes at ``index`` (positions or a mask), in that order."""
        return Candidates(self.boxes[index], self.scores[index], self.class_ids[index], self.extras[index])

    def of_classes(self, labels: Sequence[str], names: Collection[str] | None) -> Candidates:
        """Only boxes whose label is among ``names``; all of them for None."""
        if names is None:
            return self
        wanted = np.array([label in set(names) for label in labels], np.bool_)
        return self.take(wanted[self.class_ids])

    def best(self, limit: int) -> Candidates:
        """At most ``limit`` boxes, best first; equal scores keep their order."""
        return self.take(np.argsort(-self.scores, kind="stable")[:limit])
