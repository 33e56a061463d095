"""Seeded pictures with known answers: scenes for the detector, close-ups for the classifier. Needs no torch."""

from dataclasses import dataclass, field

import cv2
import numpy as np

from models.training import shapes, texture

SHIFT = 4  # sub-pixel bits of cv2.fillPoly
UNIT = 320  # sizes below are in pixels of a scene whose short side has this many


@dataclass
class Scene:
    """One picture and what is on it.

    Attributes:
        image: uint8 BGR [H,W,3].
        boxes: float32 [N,4], x0 y0 x1 y1 in pixels, clipped to the picture.
        labels: int64 [N], indices into `shapes.LABELS`.
    """

    image: np.ndarray
    boxes: np.ndarray = field(default_factory=lambda: np.zeros((0, 4), np.float32))
    labels: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))


def _paint(image: np.ndarray, contours: list[np.ndarray], rng: np.random.Generator, contrast: float) -> None:
    """Fill contours in place with a pattern whose colour stands out from what it covers."""
    height, width = image.shape[:2]
    x0, y0, x1, y1 = shapes.bounds(contours)
    left, top, right, bottom = (
        max(0, int(x0) - 2),
        max(0, int(y0) - 2),
        min(width, int(x1) + 3),
        min(height, int(y1) + 3),
    )
    patch = image[top:bottom, left:right]
    mask = np.zeros(patch.shape[:2], np.uint8)
    moved = [np.round((points - (left, top)) * (1 << SHIFT)).astype(np.int32) for points in contours]
    cv2.fillPoly(mask, moved, 255, cv2.LINE_AA, SHIFT)
    base = texture.distinct_colour(rng, patch.reshape(-1, 3).mean(axis=0), contrast)
    fill = texture.pattern(rng, right - left, bottom - top, base, spread=45)
    if rng.random() < 0.25:
        rim = texture.distinct_colour(rng, base, 80)
        thick = max(1, int(rng.uniform(0.02, 0.06) * (x1 - x0)))
        cv2.polylines(fill, moved, True, tuple(float(v) for v in rim), thick, cv2.LINE_AA, SHIFT)
    alpha = (mask.astype(np.float32) * (rng.uniform(0.85, 1.0) / 255))[..., None]
    patch[:] = (patch + alpha * (fill.astype(np.float32) - patch)).astype(np.uint8)


def _shade(image: np.ndarray, contours: list[np.ndarray], rng: np.random.Generator, unit: float) -> None:
    """Darken where a soft shadow of the shape falls."""
    offset = rng.uniform(1, 5, 2) * unit
    x0, y0, x1, y1 = shapes.bounds(contours)
    pad = int(14 * unit) + 1
    left, top = max(0, int(x0) - pad), max(0, int(y0) - pad)
    patch = image[top : int(y1) + pad, left : int(x1) + pad]
    mask = np.zeros(patch.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(points + offset - (left, top)).astype(np.int32) for points in contours], 255)
    mask = cv2.GaussianBlur(mask, (0, 0), 3 * unit)
    dark = 1 - mask.astype(np.float32)[..., None] * (rng.uniform(0.2, 0.5) / 255)
    patch[:] = (patch * dark).astype(np.uint8)


def _covers(box: np.ndarray, taken: list[np.ndarray], limit: float) -> bool:
    """Whether a new box would hide more than `limit` of one that is there (box area stands for shape area)."""
    for other in taken:
        wide = min(box[2], other[2]) - max(box[0], other[0])
        high = min(box[3], other[3]) - max(box[1], other[1])
        area = min((other[2] - other[0]) * (other[3] - other[1]), (box[2] - box[0]) * (box[3] - box[1]))
        if wide > 0 and high > 0 and wide * high > limit * area:
            return True
    return False


def _background(rng: np.random.Generator, width: int, height: int, unit: float) -> np.ndarray:
    image = texture.pattern(rng, width, height, texture.colour(rng), spread=110)
    texture.clutter(image, rng, int(rng.integers(0, 14)), unit)
    return image


def _finish(image: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
    if rng.random() < 0.7:
        image = texture.light(image, rng, 0.5 * strength)
    return texture.sensor(image, rng, strength)


def scene(rng: np.random.Generator, width: int, height: int, count: int | None = None, strength: float = 1.0) -> Scene:
    """Draw a scene of up to `count` shapes on a cluttered background.

    Args:
        rng: The one source of everything random: same state, same picture.
        width: Pixels.
        height: Pixels.
        count: Shapes to try to place; None: 0 to 10. Those that would hide another are dropped.
        strength: 0..1, how bad light and camera are.
    """
    unit = min(width, height) / UNIT
    image = _background(rng, width, height, unit)
    boxes: list[np.ndarray] = []
    labels: list[int] = []
    for _ in range(int(rng.integers(0, 11)) if count is None else count):
        label = int(rng.integers(len(shapes.LABELS)))
        radius = np.exp(rng.uniform(np.log(14), np.log(72))) * unit
        # Up to about a quarter of a shape may lie outside the picture.
        centre = tuple(rng.uniform(0.5 * radius, side - 0.5 * radius) for side in (width, height))
        contours = shapes.place(shapes.outline(label, rng), centre, radius, rng)
        box = np.clip(shapes.bounds(contours), 0, (width, height, width, height))
        if _covers(box, boxes, limit=0.3):
            continue
        if rng.random() < 0.35:
            _shade(image, contours, rng, unit)
        _paint(image, contours, rng, contrast=75)
        boxes.append(box)
        labels.append(label)
    texture.clutter(image, rng, int(rng.integers(0, 3)), unit * 0.5)
    found = np.array(boxes, np.float32).reshape(-1, 4)
    return Scene(_finish(image, rng, strength), found, np.array(labels, np.int64))


def closeup(rng: np.random.Generator, side: int, strength: float = 1.0) -> tuple[np.ndarray, int]:
    """Draw one shape that fills 40 to 100 % of a square picture, like a crop around a detection.

    Returns:
        uint8 BGR [side,side,3] and the label's index.
    """
    unit = side / 96
    image = _background(rng, side, side, unit)
    label = int(rng.integers(len(shapes.LABELS)))
    radius = side * rng.uniform(0.22, 0.5)
    centre = tuple(side / 2 + rng.uniform(-0.12, 0.12, 2) * side)
    contours = shapes.place(shapes.outline(label, rng), centre, radius, rng)
    if rng.random() < 0.35:
        _shade(image, contours, rng, unit)
    _paint(image, contours, rng, contrast=75)
    texture.clutter(image, rng, int(rng.integers(0, 2)), unit * 0.4)
    return _finish(image, rng, strength), label
