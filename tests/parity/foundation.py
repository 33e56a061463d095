"""What the references of foundation models were asked, and how much of their answers is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

FOLDER = Path(__file__).parent / "nets"
GRID = 24
"""Rows and columns of a map that are kept."""

TEXTS = (
    "a photo of a red circle",
    "two squares and a triangle on paper",
    "A Photo Of  A   RED circle",
    "",
    "naïve café, Ünïcödé – and “quotes”",  # noqa: RUF001 - tokenizers have to bear it
    "日本語のテキスト と 混ぜた words",
    "emoji 🙂🙃 and a\ttab\nnew line",
    "a text that goes on and on " * 40,
    "!!!???...,,,---___ 1234567890 x" * 2,
    "<|endoftext|> in the middle of a text",
)


def sample(plane: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """[GRID, GRID] values spread over the map, its borders among them."""
    rows = np.linspace(0, plane.shape[0] - 1, GRID).round().astype(int)
    columns = np.linspace(0, plane.shape[1] - 1, GRID).round().astype(int)
    return np.asarray(plane[np.ix_(rows, columns)], np.float32)
