"""Texts in a model's raw output, which has room for arrays only."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from shared.errors import InferenceFailed


def packed(texts: Sequence[str]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Their bytes one behind the other, and where each ends."""
    words = [text.encode() for text in texts]
    ends = np.cumsum([len(word) for word in words], dtype=np.int64)
    return np.frombuffer(b"".join(words), np.uint8), ends


def unpacked(data: npt.NDArray[Any], ends: npt.NDArray[Any]) -> list[str]:
    """The texts. Raises InferenceFailed when the ends are not those of the bytes."""
    if len(data) != (ends[-1] if len(ends) else 0):
        raise InferenceFailed("The model's boxes and texts do not add up.")
    whole, starts = data.tobytes(), [0, *ends.tolist()]
    return [whole[start:end].decode(errors="replace") for start, end in pairwise(starts)]
