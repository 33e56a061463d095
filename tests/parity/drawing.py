"""Seeded pictures of bold shapes with known boxes, masks and four keypoints each. Small nets learn them fast."""

from dataclasses import dataclass

import cv2
import numpy as np

LABELS = ("disc", "box", "wedge")
KEYPOINTS = 4  # tip, right, tail, left of a shape, turned with it
_SHIFT = 4  # sub-pixel bits of cv2.fillPoly
_COLOURS = np.array([(40, 40, 220), (60, 190, 60), (230, 120, 30)], float)  # BGR, one per label


@dataclass
class Drawing:
    """One picture.

    Attributes:
        image: uint8 BGR [H, W, 3].
        labels: [n] indices into ``LABELS``.
        boxes: float32 [n, 4], x0 y0 x1 y1 in pixels, inside the picture.
        polygons: n outlines [k, 2] in pixels.
        keypoints: float32 [n, KEYPOINTS, 2] in pixels.
    """

    image: np.ndarray
    labels: np.ndarray
    boxes: np.ndarray
    polygons: list[np.ndarray]
    keypoints: np.ndarray

    def masks(self) -> np.ndarray:
        """Uint8 0 or 1 [n, H, W]."""
        masks = np.zeros((len(self.polygons), *self.image.shape[:2]), np.uint8)
        for mask, polygon in zip(masks, self.polygons, strict=True):
            _fill(mask, polygon, 1, cv2.LINE_8)
        return masks


def _fill(image: np.ndarray, polygon: np.ndarray, colour: object, line: int) -> None:
    cv2.fillPoly(image, [np.round(polygon * (1 << _SHIFT)).astype(np.int32)], colour, line, _SHIFT)


def _outline(label: int) -> np.ndarray:
    """[k, 2] around the origin, about one unit in radius, tip up."""
    if label == 0:
        angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
        return np.stack([0.8 * np.cos(angle), np.sin(angle)], 1)
    if label == 1:
        return np.array([(-0.8, -0.9), (0.8, -0.9), (0.8, 0.9), (-0.8, 0.9)])
    return np.array([(0, -1.1), (0.95, 0.8), (-0.95, 0.8)])


def _background(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    corners = rng.uniform(90, 235, (2, 2, 1)) + rng.uniform(-15, 15, (2, 2, 3))
    return cv2.resize(corners.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)


def draw(rng: np.random.Generator, width: int, height: int, count: int) -> Drawing:
    """Draw up to ``count`` shapes that do not hide one another much."""
    image = np.clip(_background(rng, width, height), 0, 255).astype(np.uint8)
    side = min(width, height)
    labels, boxes, polygons, keypoints = [], [], [], []
    for _ in range(count):
        label, radius = int(rng.integers(len(LABELS))), side * rng.uniform(0.12, 0.3)
        centre = rng.uniform(0.7 * radius, np.array([width, height]) - 0.7 * radius)
        angle = rng.uniform(-0.5, 0.5)
        turn = radius * np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))])
        polygon = _outline(label) @ turn + centre
        points = np.array([(0, -1), (0.75, 0), (0, 0.9), (-0.75, 0)]) @ turn + centre
        limit = np.array([width, height, width, height])
        box = np.clip(np.concatenate([polygon.min(0), polygon.max(0)]), 0, limit)
        if any(_shared(box, other) > 0.25 for other in boxes):
            continue
        colour = np.clip(_COLOURS[label] + rng.uniform(-40, 40, 3), 0, 255).tolist()
        _fill(image, polygon, colour, cv2.LINE_AA)
        labels.append(label)
        boxes.append(box)
        polygons.append(polygon)
        keypoints.append(np.clip(points, 0, limit[:2] - 1))
    return Drawing(
        image,
        np.array(labels, np.int64),
        np.array(boxes, np.float32).reshape(-1, 4),
        polygons,
        np.array(keypoints, np.float32).reshape(-1, KEYPOINTS, 2),
    )


def _shared(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over the smaller area."""
    size = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    areas = [np.prod(box[2:] - box[:2]) for box in (one, other)]
    return float(np.prod(np.maximum(size, 0)) / min(areas))


def closeup(rng: np.random.Generator, side: int) -> tuple[np.ndarray, int]:
    """One shape that fills most of a square picture: uint8 BGR and its label."""
    image = np.clip(_background(rng, side, side), 0, 255).astype(np.uint8)
    label = int(rng.integers(len(LABELS)))
    angle, radius = rng.uniform(-0.5, 0.5), side * rng.uniform(0.25, 0.42)
    turn = radius * np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))])
    polygon = _outline(label) @ turn + side / 2 + rng.uniform(-0.1, 0.1, 2) * side
    _fill(image, polygon, np.clip(_COLOURS[label] + rng.uniform(-40, 40, 3), 0, 255).tolist(), cv2.LINE_AA)
    return image, label
