"""Polygons of masks: outlines, convex simplification, straight-line fits, scaling, the smallest rotated rectangle."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]

_BISECTIONS = 1000


def outlines(mask: Mask) -> list[Points]:
    """Outer outlines of a mask [H, W], each [N, 2] in x, y pixels; all points of them kept at corners only."""
    found, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return [contour.reshape(-1, 2).astype(np.int32) for contour in found]


def outline(mask: Mask) -> Points | None:
    """The outline with the most points, [N, 2]; None for an empty mask or one without area."""
    found = [points for points in outlines(mask) if len(points) >= 3]
    return max(found, key=len, default=None)


def fill(polygon: npt.NDArray[np.generic], shape: tuple[int, int]) -> Mask:
    """The mask [H, W] of a polygon [N, 2], its border included."""
    canvas = np.zeros(shape, np.uint8)
    cv2.fillPoly(canvas, [np.round(polygon.astype(np.float64)).astype(np.int32)], 1)
    return canvas.astype(bool)


def simplify(contour: Points, vertices: int) -> Points:
    """The contour's convex hull with about ``vertices`` corners, [M, 2].

    Bisects the tolerance of Douglas and Peucker's algorithm until the count fits; M differs from ``vertices`` when no
    tolerance gives it (a hull with fewer corners, or symmetric corners that vanish together).
    """
    hull = cv2.convexHull(contour, returnPoints=True, clockwise=True)
    low, high = 0.0, float(cv2.arcLength(hull, True))
    polygon = hull
    for _ in range(_BISECTIONS):
        tolerance = (low + high) / 2
        polygon = cv2.approxPolyDP(hull, tolerance, True)
        if len(polygon) == vertices or high - low < 1e-7:
            break
        low, high = (tolerance, high) if len(polygon) > vertices else (low, tolerance)
    return np.asarray(polygon, np.int32).reshape(-1, 2)


def with_vertices(polygon: Points, vertices: int) -> Points:
    """Exactly ``vertices`` corners: the last one repeated, or those beyond the count cut off."""
    if len(polygon) >= vertices:
        return polygon[:vertices]
    return np.concatenate([polygon, np.repeat(polygon[-1:], vertices - len(polygon), axis=0)])


def fit_sides(polygon: Points, contour: Points, fraction: float = 1.0) -> Points:
    """Each side replaced by the least-squares line through the contour's points along it; corners where lines meet.

    Args:
        polygon: [M, 2], in the contour's order of rotation or the opposite one.
        contour: the outline that the polygon was simplified from, [N, 2].
        fraction: the middle part of each side's points that counts, so that rounded corners do not pull (0..1).

    Returns:
        [M, 2]; a corner stays where it was when its two lines are parallel.
    """
    dense = _dense(contour)
    if (_area(dense) > 0) != (_area(polygon) > 0):
        dense = dense[::-1]
    nearest = [int(np.argmin(np.linalg.norm(dense - corner, axis=1))) for corner in polygon]
    lines = [_line(_middle(_between(dense, nearest[i - 1], nearest[i]), fraction)) for i in range(len(polygon))]
    corners = [_meet(lines[i], lines[(i + 1) % len(lines)], polygon[i]) for i in range(len(polygon))]
    return np.round(np.array(corners)).astype(np.int32)


def _dense(contour: Points) -> npt.NDArray[np.float64]:
    """The contour with a point about every pixel."""
    pieces = []
    for start, end in zip(contour, np.roll(contour, -1, axis=0), strict=True):
        steps = max(1, int(np.abs(end - start).max()))
        pieces.append(start + (end - start) * np.arange(steps)[:, None] / steps)
    return np.concatenate(pieces)


def _area(polygon: npt.NDArray[np.generic]) -> float:
    """Signed area; its sign is the order of rotation."""
    x, y = polygon.astype(np.float64).T
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def _between(points: npt.NDArray[np.float64], start: int, end: int) -> npt.NDArray[np.float64]:
    return points[start : end + 1] if start <= end else np.concatenate([points[start:], points[: end + 1]])


def _middle(points: npt.NDArray[np.float64], fraction: float) -> npt.NDArray[np.float64]:
    keep = round(len(points) * fraction)
    cut = (len(points) - keep) // 2
    return points[cut : len(points) - cut] if 2 < keep < len(points) else points


def _line(points: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None:
    """Total least squares: centre and unit direction; None with fewer than two different points."""
    centre = points.mean(axis=0)
    _, spread, directions = np.linalg.svd(points - centre)
    return (centre, directions[0]) if len(points) > 1 and spread[0] > 0 else None


def _meet(
    one: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None,
    other: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None,
    otherwise: Points,
) -> npt.NDArray[np.float64]:
    if one is None or other is None:
        return otherwise.astype(np.float64)
    (start, direction), (end, against) = one, other
    sides = np.stack([direction, -against], axis=1)
    if abs(np.linalg.det(sides)) < 1e-3:
        return otherwise.astype(np.float64)
    return np.asarray(start + np.linalg.solve(sides, end - start)[0] * direction)


def scale(polygon: Points, ratio: float) -> Points:
    """The polygon [N, 2] grown or shrunk about its centroid; unchanged when it has no area."""
    moments = cv2.moments(polygon)
    if ratio == 1 or moments["m00"] == 0:
        return polygon
    centroid = np.array([moments["m10"], moments["m01"]]) / moments["m00"]
    return np.round((polygon - centroid) * ratio + centroid).astype(np.int32)


@dataclass(frozen=True)
class RotatedRect:
    """The smallest rectangle around a shape.

    Attributes:
        corners: [4, 2] in x, y pixels, truncated to whole pixels.
        width: pixels, of OpenCV's first side.
        height: pixels, of the other.
        angle: degrees above 0 and up to 90, whatever OpenCV's version of the day says.
    """

    corners: Points
    width: float
    height: float
    angle: float


def smallest_rect(points: Points) -> RotatedRect:
    """The smallest rotated rectangle around points [N, 2]."""
    centre, (width, height), angle = cv2.minAreaRect(points)
    while angle <= 0:
        width, height, angle = height, width, angle + 90
    while angle > 90:
        width, height, angle = height, width, angle - 90
    corners = cv2.boxPoints((centre, (width, height), angle)).astype(np.int32)
    return RotatedRect(corners, float(width), float(height), float(angle))


def upright_size(points: npt.NDArray[np.generic]) -> tuple[float, float]:
    """Width and height in pixels of the smallest rotated rectangle; width is its more horizontal side."""
    corners = cv2.boxPoints(cv2.minAreaRect(points.astype(np.float32)))
    first, second = corners[1] - corners[0], corners[2] - corners[1]
    slopes = [abs(side[1]) / max(float(np.linalg.norm(side)), 1e-9) for side in (first, second)]
    wide, high = (first, second) if slopes[0] < slopes[1] else (second, first)
    return float(np.linalg.norm(wide)), float(np.linalg.norm(high))
