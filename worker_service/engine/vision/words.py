"""Where words are: docTR's map of a page to upright boxes, and boxes to lines in reading order.

The steps and their order are those of docTR's post-processing for straight pages: threshold, opening, the box around
each region, its mean score, and its growth by area * ratio / perimeter.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
LEAST_SIDE = 2
OPENING = np.ones((3, 3), np.uint8)
PARAGRAPH = 0.035
"""Share of the page's width that words of one line are apart at most."""
ENOUGH_GAPS = 5
"""From so many gaps between words on, their median says what is wide."""


class Rules(NamedTuple):
    """What counts as a word: the map's threshold, a box's mean score, its growth, and how many there may be."""

    threshold: float = 0.3
    box_score: float = 0.1
    growth: float = 1.5
    most: int = 3000


def words_in(chances: Array, rules: Rules) -> tuple[Array, Array]:
    """[n, 4] x0, y0, x1, y1 in shares of the map [h, w], whose values are in 0..1, and [n] scores."""
    height, width = chances.shape
    mask = cv2.morphologyEx((chances >= rules.threshold).astype(np.uint8), cv2.MORPH_OPEN, OPENING)
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    boxes, scores = [], []
    for contour in contours:
        x, y, wide, high = cv2.boundingRect(contour)
        if min(wide, high) <= LEAST_SIDE:
            continue
        score = float(chances[y : min(y + high + 1, height), x : min(x + wide + 1, width)].mean())
        if score < rules.box_score:
            continue
        by = wide * high * rules.growth / (2 * (wide + high))
        low, end = np.array([x, y]) - by, np.array([x + wide, y + high]) + by
        boxes.append([*_whole(low), *(_whole(end) + 1)])
        scores.append(score)
        if len(boxes) == rules.most:
            break
    size = np.array([width, height, width, height])
    return np.clip(np.array(boxes, np.float64).reshape(-1, 4) / size, 0, 1), np.array(scores, np.float32)


def lines_of(boxes: Array, aspect: float) -> list[list[int]]:
    """The boxes of each line from left to right, lines from top to bottom; ``aspect`` is the page's height / width."""
    if not len(boxes):
        return []
    height = float(np.median(boxes[:, 3] - boxes[:, 1]))
    order = np.argsort(boxes[:, 0] + 2 * boxes[:, 3] / (height if height > 0 else 1.0), kind="stable").tolist()
    middle = (boxes[:, 1] + boxes[:, 3]) / 2
    rows = [[order[0]]]
    for i in order[1:]:
        if abs(middle[i] - middle[rows[-1]].mean()) < height / 2:
            rows[-1].append(i)
        else:
            rows.append([i])
    rows = [sorted(row, key=lambda i: boxes[i, 0]) for row in rows]
    far = _far(boxes, rows, height * aspect)
    return [line for row in rows for line in _parted(boxes, row, far)]


def _far(boxes: Array, rows: list[list[int]], high: float) -> float:
    """The gap between two words from which they stand in lines of their own; ``high`` in shares of the width."""
    gaps = np.array([boxes[b, 0] - boxes[a, 2] for row in rows for a, b in pairwise(row)])
    real = gaps[gaps > 0]
    if len(gaps) < ENOUGH_GAPS:
        return PARAGRAPH
    if len(real) >= ENOUGH_GAPS and 2 * len(real) >= len(gaps):
        return min(PARAGRAPH, max(3 * float(np.median(real)), high))
    return min(PARAGRAPH, high)


def _parted(boxes: Array, row: list[int], far: float) -> list[list[int]]:
    lines = [[row[0]]]
    for i in row[1:]:
        if boxes[i, 0] - boxes[lines[-1][-1], 2] < far:
            lines[-1].append(i)
        else:
            lines.append([i])
    return lines


def _whole(values: Array) -> Array:
    """Rounded, halves away from zero: docTR grows boxes on a grid of whole numbers."""
    return np.sign(values) * np.floor(np.abs(values) + 0.5)
