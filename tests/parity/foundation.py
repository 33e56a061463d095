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


PROMPTED = ("wide.jpg", "tall.jpg", "tiny.jpg", "turned.jpg", "alpha.png")
PROMPTS: dict[str, dict[str, Any]] = {
    "point": {"points": ((0.5, 0.5, 1),), "box": None},
    "points": {"points": ((0.3, 0.4, 1), (0.62, 0.55, 1), (0.9, 0.1, 0)), "box": None},
    "box": {"points": (), "box": (0.2, 0.25, 0.7, 0.8)},
    "both": {"points": ((0.45, 0.5, 1),), "box": (0.2, 0.25, 0.7, 0.8)},
}
"""What promptable models are asked, in shares of the picture: points (1 on, 0 off the object), and corners."""


def scaled(prompt: dict[str, Any], width: int, height: int) -> dict[str, Any]:
    """A prompt in pixels."""
    box = prompt["box"]
    return {
        "points": tuple((x * width, y * height, label) for x, y, label in prompt["points"]),
        "box": None if box is None else (box[0] * width, box[1] * height, box[2] * width, box[3] * height),
    }


CAPTIONS = ("a red circle. a square.", "triangle. a blue square on paper. star.")
QUERIES = ("a red circle", "square", "a photo of a star")
"""What open-vocabulary detectors are asked to find."""
