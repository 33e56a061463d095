"""How alike two embeddings are."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import numpy.typing as npt

from shared.errors import InvalidRequest
from shared.workflows import kinds
from shared.workflows.block import Block
from shared.workflows.fields import Selector, StepFields

EmbeddingRef = Annotated[str, Selector(kinds.EMBEDDING)]


class CosineSimilarity(Block):
    """The cosine of the angle between the two: 1 for one direction, 0 at right angles, -1 for opposite ones."""

    ids = ("roboflow_core/cosine_similarity@v1",)
    label = "Cosine Similarity"
    summary = "Compare two embeddings."
    category = "math"
    outputs = {"similarity": (kinds.FLOAT,)}

    class Fields(StepFields):
        """Embeddings of the same model."""

        embedding_1: EmbeddingRef
        embedding_2: EmbeddingRef

    def run(self, embedding_1: npt.ArrayLike, embedding_2: npt.ArrayLike) -> dict[str, Any]:
        """The similarity; 0 where one of the two is all zeros."""
        one, other = np.asarray(embedding_1, float).ravel(), np.asarray(embedding_2, float).ravel()
        if one.shape != other.shape:
            raise InvalidRequest(f"Embeddings of {len(one)} and {len(other)} numbers cannot be compared.")
        return {"similarity": cosine(one, other)}


def cosine(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    """Of vectors of one length; 0 for a zero vector."""
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(np.dot(one, other)) / lengths if lengths else 0.0
