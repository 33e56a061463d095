"""Boxes as each maker's language models write them: a list of objects, or such a list under ``detections``.

``{"box_2d": [...], "label": ...}`` has pixels of the picture that was sent, thousandths or hundredths of the image;
``{"x_min", "y_min", "x_max", "y_max", "class_name"}`` parts of the image, thousandths for one maker.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

Size = tuple[float, float]
EDGES = ("x_min", "y_min", "x_max", "y_max")
BOX_NAMES = ("box_2d", "bbox_2d")
LABEL_NAMES = ("label", "description", "class_name", "class")
PER_IMAGE = {"google-gemini": 1000.0, "qwen": 1000.0, "spacexai": 100.0}
"""What a side of the image counts in ``box_2d``; others count pixels of the picture that was sent."""
OPENAI_EDGE = 2048
ANTHROPIC_EDGE, ANTHROPIC_TILES, TILE = 2576, 4784, 28
"""Larger pictures are made smaller before they are sent: at most so many pixels on a side, or tiles in all."""


class NoBoxes(ValueError):
    """It has none of these forms."""


def entries(found: Any) -> list[Mapping[str, Any]]:
    """The objects, one per detection. Raises NoBoxes."""
    rows = found.get("detections", found) if isinstance(found, Mapping) else found
    if isinstance(rows, Mapping):
        rows = [rows]
    if not isinstance(rows, list):
        raise NoBoxes("there is no list of detections")
    return [row for row in rows if isinstance(row, Mapping)]


def corners(entry: Mapping[str, Any], model: str, size: tuple[int, int]) -> list[float]:
    """x0, y0, x1, y1 in whole pixels of the image. Raises NoBoxes."""
    box = next((entry[name] for name in BOX_NAMES if name in entry), None)
    if box is None:
        box, scale = [entry.get(edge) for edge in EDGES], (1000.0, 1000.0) if model == "muse" else (1.0, 1.0)
    else:
        scale = _scale(model, size)
    if not isinstance(box, Sequence) or len(box) != 4 or not all(map(_number, box)):
        raise NoBoxes("a box is four numbers")
    if model == "google-gemini" and not set(EDGES) & set(entry):
        box = [box[1], box[0], box[3], box[2]]  # it says the row first
    shares = [min(max(float(at) / scale[i % 2], 0.0), 1.0) for i, at in enumerate(box)]
    return [float(round(share * size[i % 2])) for i, share in enumerate(shares)]


def label(entry: Mapping[str, Any]) -> str:
    """What it is said to be. Raises NoBoxes."""
    for name in LABEL_NAMES:
        if entry.get(name) is not None:
            return str(entry[name])
    raise NoBoxes("a detection has no label")


def _scale(model: str, size: tuple[int, int]) -> Size:
    if model in PER_IMAGE:
        return (PER_IMAGE[model], PER_IMAGE[model])
    return sent_to_anthropic(size) if model == "anthropic-claude" else sent_to_openai(size)


def sent_to_openai(size: tuple[int, int]) -> Size:
    """Width and height of the picture that the model saw."""
    factor = min(OPENAI_EDGE / max(size), 1.0)
    return (max(round(size[0] * factor), 1), max(round(size[1] * factor), 1))


def sent_to_anthropic(size: tuple[int, int]) -> Size:
    """Width and height of the picture that the model saw: the largest of that shape that fits."""
    longer, shorter = max(size), min(size)

    def too_large(long: int) -> bool:
        tiles = [math.ceil(side / TILE) for side in (long, _beside(long, shorter, longer))]
        return max(tiles) * TILE > ANTHROPIC_EDGE or tiles[0] * tiles[1] > ANTHROPIC_TILES

    long = longer
    if too_large(longer):
        long = max(bisect_right(range(1, longer + 1), x=False, key=too_large), 1)
    short = shorter if long == longer else _beside(long, shorter, longer)
    return (long, short) if size[0] >= size[1] else (short, long)


def _beside(long: int, shorter: int, longer: int) -> int:
    return max(round(long * shorter / longer), 1)


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
