"""A quadrilateral of the picture mapped to an upright rectangle."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from shared.errors import InvalidRequest

Quad = npt.NDArray[np.float64]
"""[4, 2]: bottom left, top left, top right, bottom right."""

Matrix = npt.NDArray[np.float64]


def quad(polygons: Any) -> Quad:
    """The largest quadrilateral of one polygon or of a list of polygons, its corners put in order.

    Raises InvalidRequest when there is none with exactly four corners.
    """
    items = [polygons] if _is_polygon(polygons) else list(polygons)
    found = [np.asarray(item, np.float64) for item in items if _is_polygon(item) and len(item) == 4]
    if not found:
        raise InvalidRequest("perspective_polygons needs a polygon of exactly 4 points [[x, y], ...]")
    return ordered(max(found, key=lambda points: float(cv2.contourArea(points.astype(np.float32)))))


def _is_polygon(value: Any) -> bool:
    """A list of points, rather than a list of polygons."""
    try:
        array = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        return False
    return array.ndim == 2 and array.shape[1] == 2


def ordered(points: Quad) -> Quad:
    """Four corners as bottom left, top left, top right, bottom right.

    Clockwise around the centre of the bounding box, starting where the corners come closest to those of that box.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    centre = (low + high) / 2
    turns = np.arctan2(points[:, 1] - centre[1], points[:, 0] - centre[0])  # y grows downwards: this is clockwise
    clockwise = points[np.argsort(turns, kind="stable")]
    box = np.array([(low[0], high[1]), low, (high[0], low[1]), high])
    starts = [np.roll(clockwise, -shift, axis=0) for shift in range(4)]
    return min(starts, key=lambda start: (float(np.linalg.norm(start - box, axis=1).sum()), float(start[0, 0])))


# Each side by its first corner (the second is the next one; the inside lies to the right of the way between them) and
# whether it widens the rectangle or heightens it.
_LEFT, _TOP, _RIGHT, _BOTTOM = 0, 1, 2, 3
_SIDES = ((_LEFT, 0), (_RIGHT, 0), (_BOTTOM, 1), (_TOP, 1))


def extended(corners: Quad, points: Iterable[Any]) -> tuple[Quad, float, float]:
    """The quadrilateral grown until every point lies inside, its sides moved parallel to themselves.

    Corners slide along the sides that meet them, to whole pixels. Returns it with the lengths in pixels by which it
    grew across and down, measured along the sides of the corner that moved first.
    """
    grown, growth = corners.copy(), [0.0, 0.0]
    points = list(points)
    for first, axis in _SIDES:
        second = (first + 1) % 4
        for point in points:
            if not _outside(grown[first], grown[second], point):
                continue
            side = grown[second] - grown[first]
            moved_first = _slide(grown[first], grown[first - 1], side, point)
            moved_second = _slide(grown[second], grown[(second + 1) % 4], side, point)
            if moved_first is None or moved_second is None:
                continue
            growth[axis] += float(np.linalg.norm(moved_first - grown[first]))
            grown[first], grown[second] = moved_first, moved_second
    return grown, growth[0], growth[1]


def _outside(start: Quad, end: Quad, point: Any) -> bool:
    (dx, dy), (px, py) = end - start, point - start
    return bool(dx * py - dy * px < 0)


def _slide(corner: Quad, neighbour: Quad, side: Quad, point: Any) -> Quad | None:
    """Where the parallel to ``side`` through ``point`` cuts the line from the corner to its neighbour."""
    rail = neighbour - corner
    system = np.stack([rail, -side], axis=1)
    if abs(np.linalg.det(system)) < 1e-9:
        return None
    return np.asarray(np.round(corner + np.linalg.solve(system, point - corner)[0] * rail))


@dataclass(frozen=True)
class Plane:
    """A mapping to an upright rectangle.

    Attributes:
        matrix: [3, 3], source pixels to rectangle pixels.
        width: pixels of the rectangle, with what it was extended by.
        height: likewise.
    """

    matrix: Matrix
    width: int
    height: int

    @classmethod
    def of(cls, corners: Quad, width: int, height: int, inside: Iterable[Any] = ()) -> Plane:
        """Map ordered corners to a rectangle; the points of ``inside`` widen it in proportion."""
        left, top, right, bottom = (float(np.linalg.norm(corners[i] - corners[i - 3])) for i in range(4))
        wide, high = max(top, bottom, 1.0), max(left, right, 1.0)
        grown, across, down = extended(corners, inside)
        width, height = width + round(across * width / wide), height + round(down * height / high)
        target = np.array([(0, height - 1), (0, 0), (width - 1, 0), (width - 1, height - 1)], np.float32)
        return cls(np.asarray(cv2.getPerspectiveTransform(grown.astype(np.float32), target), float), width, height)

    def points(self, points: npt.NDArray[np.generic]) -> npt.NDArray[np.float32]:
        """Points [..., 2] of the source in the rectangle."""
        flat = points.astype(np.float32).reshape(-1, 1, 2)
        if not len(flat):
            return points.astype(np.float32)
        return np.asarray(cv2.perspectiveTransform(flat, self.matrix), np.float32).reshape(points.shape)

    def boxes(self, xyxy: Any) -> npt.NDArray[np.float32]:
        """Boxes [N, 4] around the mapped corners of boxes, whole pixels."""
        corners = np.round(xyxy)[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2)
        mapped = self.points(corners)
        return np.round(np.concatenate([mapped.min(axis=1), mapped.max(axis=1)], axis=1)).astype(np.float32)

    def image(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """The picture as seen in the rectangle."""
        return np.asarray(cv2.warpPerspective(pixels, self.matrix, (self.width, self.height)), np.uint8)
