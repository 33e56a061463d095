"""Words to lines as EasyOCR puts them together: level ones by height and gap, tilted ones each for itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
LEVEL = 0.1
"""Slope of its upper and lower side below which a box is level."""
LEAST_RUN = 10
"""Pixels that a slope is taken over at least."""
SAME_ROW, SAME_HEIGHT, GAP = 0.5, 0.5, 0.5
"""In heights: how far middles in a line may lie apart, how much heights may differ, and how wide gaps may be."""
MARGIN, TILTED_MARGIN = 0.1, 1.44
"""Of the shorter side, by which a line grows; a tilted one by that many times as much."""
LEAST_SIDE = 20
"""Pixels of the longer side that a line must have more of."""


class Box(NamedTuple):
    """A level box in whole pixels."""

    left: int
    right: int
    top: int
    bottom: int

    @property
    def middle(self) -> float:
        """Of its height."""
        return 0.5 * (self.top + self.bottom)

    @property
    def height(self) -> int:
        """In pixels."""
        return self.bottom - self.top


def lines_of(words: Array) -> tuple[list[Box], list[Array]]:
    """Level lines from top to bottom, in each from left to right, and the corners [4, 2] of tilted words.

    Args:
        words: [n, 4, 2] whole pixels, clockwise from the upper left. Lines may reach over the image's edge.
    """
    level: list[Box] = []
    tilted: list[Array] = []
    for corners in words.tolist():
        (x0, y0), (x1, y1), (x2, y2), (x3, y3) = corners
        slopes = (y1 - y0) / max(LEAST_RUN, x1 - x0), (y2 - y3) / max(LEAST_RUN, x2 - x3)
        if max(map(abs, slopes)) < LEVEL:
            level.append(Box(min(x0, x1, x2, x3), max(x0, x1, x2, x3), min(y0, y1, y2, y3), max(y0, y1, y2, y3)))
        else:
            tilted.append(_grown(np.array(corners, np.float64)))
    lines = [_line(group) for row in _rows(level) for group in _groups(row)]
    return (
        [line for line in lines if max(line.right - line.left, line.height) > LEAST_SIDE],
        [corners for corners in tilted if np.ptp(corners, axis=0).max() > LEAST_SIDE],
    )


def _rows(boxes: Sequence[Box]) -> list[list[Box]]:
    """Boxes whose middles lie at about one height."""
    rows: list[list[Box]] = []
    for box in sorted(boxes, key=lambda box: box.middle):
        row = rows[-1] if rows else []
        away = abs(_mean([other.middle for other in row]) - box.middle) if row else np.inf
        if row and away < SAME_ROW * _mean([other.height for other in row]):
            row.append(box)
        else:
            rows.append([box])
    return rows


def _groups(row: Sequence[Box]) -> list[list[Box]]:
    """Those of a row that stand close enough to be one line; the gap is measured from the word before."""
    groups: list[list[Box]] = []
    for box in sorted(row, key=lambda box: box.left):
        if groups:
            height = _mean([other.height for other in groups[-1]])
            alike = abs(height - box.height) < SAME_HEIGHT * height
            if alike and box.left - groups[-1][-1].right < GAP * box.height:
                groups[-1].append(box)
                continue
        groups.append([box])
    return groups


def _line(group: Sequence[Box]) -> Box:
    left, top = min(box.left for box in group), min(box.top for box in group)
    right, bottom = max(box.right for box in group), max(box.bottom for box in group)
    by = int(MARGIN * min(right - left, bottom - top))
    return Box(left - by, right + by, top - by, bottom + by)


def _grown(corners: Array) -> Array:
    """Outwards along the diagonals."""
    by = int(TILTED_MARGIN * MARGIN * min(_length(corners[3] - corners[0]), _length(corners[1] - corners[0])))
    across, down = (corners[:2] - corners[2:]).T
    angles = np.abs(np.arctan(down / np.maximum(LEAST_RUN, across)))
    shift = np.stack([np.cos(angles), np.sin(angles)], axis=1) * by
    signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    return np.asarray(corners + signs * np.concatenate([shift, shift]))


def _length(vector: Array) -> float:
    return float(np.linalg.norm(vector))


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))
