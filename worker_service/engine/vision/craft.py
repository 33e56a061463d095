"""Where text is, from the maps of a CRAFT detector: one of characters, one of the links between them.

The steps and constants are those of EasyOCR's boxes of words (Baek et al., Character Region Awareness for Text
Detection, 2019): connected pixels of either map, without the links' own, widened by a share of their thickness, and the
least rectangle around them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
LEAST_PIXELS = 10
SQUARE = 0.1
"""How much longer one side of a rectangle may be than the other for it to be taken for a diamond and set upright."""


class Rules(NamedTuple):
    """A word's surest pixel, the least of a link, and the least of its other pixels."""

    text: float = 0.7
    link: float = 0.4
    low: float = 0.4


def words_in(characters: Array, links: Array, rules: Rules) -> Array:
    """[n, 4, 2] corners in cells of the maps [h, w], clockwise from the one nearest to the upper left."""
    inked, linked = characters > np.float32(rules.low), links > np.float32(rules.link)
    count, labels, stats, _ = cv2.connectedComponentsWithStats((inked | linked).astype(np.uint8), connectivity=4)
    boxes = []
    for label in range(1, count):
        x, y, wide, high, area = stats[label].tolist()
        if area < LEAST_PIXELS:
            continue
        by = int(np.sqrt(area * min(wide, high) / (wide * high)) * 2)
        left, top = max(0, x - by), max(0, y - by)
        part = np.s_[top : y + high + by + 1, left : x + wide + by + 1]
        mine = labels[part] == label
        if characters[part][mine].max() < np.float32(rules.text):
            continue
        ink = (mine & ~(linked[part] & ~inked[part])).astype(np.uint8)
        grown = cv2.dilate(ink, np.ones((1 + by, 1 + by), np.uint8))
        rows, columns = np.nonzero(grown)
        boxes.append(_around(np.stack([columns + left, rows + top], axis=1).astype(np.int32)))
    return np.stack(boxes) if boxes else np.zeros((0, 4, 2), np.float32)


def _around(points: Array) -> Array:
    """[4, 2]: the least rectangle, or the upright one around what is as wide as high."""
    box = np.asarray(cv2.boxPoints(cv2.minAreaRect(points)), np.float32)
    one, other = np.linalg.norm(box[0] - box[1]), np.linalg.norm(box[1] - box[2])
    if abs(1 - max(one, other) / (min(one, other) + 1e-5)) <= SQUARE:
        (left, top), (right, bottom) = points.min(0), points.max(0)
        box = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)
    return np.asarray(np.roll(box, 4 - int(box.sum(axis=1).argmin()), axis=0))
