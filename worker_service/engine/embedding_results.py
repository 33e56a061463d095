"""Embeddings, and how alike they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from worker_service.engine.results import envelope

Vector = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Embedding:
    """An image or a text as a vector.

    Attributes:
        image: width and height of the source in pixels; 0, 0 for a text.
        vector: [dimensions], of any length.
        similarity: the cosine of the angle to each text that the request named, -1..1, in its order.
    """

    image: tuple[int, int]
    vector: Vector
    similarity: tuple[float, ...] | None = None

    def to_dict(self) -> dict[str, Any]:
        """``embedding`` as numbers, and ``similarity`` where texts were given."""
        body: dict[str, Any] = {"embedding": self.vector.tolist()}
        if self.similarity is not None:
            body["similarity"] = list(self.similarity)
        return envelope("embedding", self.image, body, None)


def cosines(vector: Vector, others: Sequence[Vector]) -> tuple[float, ...]:
    """The cosine between a vector and each of the others; 0 where one of them has no length."""
    return tuple(_cosine(vector, other) for other in others)


def _cosine(one: Vector, other: Vector) -> float:
    lengths = float(np.linalg.norm(one)) * float(np.linalg.norm(other))
    return float(one @ other) / lengths if lengths else 0.0
