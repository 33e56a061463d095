"""Colours, fills, backgrounds and clutter. Pixels are uint8 BGR [H,W,3] in and out."""

import string

import cv2
import numpy as np

Image = np.ndarray
Colour = np.ndarray  # float32 [3], BGR, 0..255


def colour(rng: np.random.Generator) -> Colour:
    """Pick any colour, more often a saturated one than a grey one."""
    hsv = np.array([[[rng.integers(180), int(255 * rng.beta(1.6, 1.0)), int(255 * rng.uniform(0.12, 1.0))]]], np.uint8)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)[0, 0].astype(np.float32)


def distinct_colour(rng: np.random.Generator, others: Colour, distance: float) -> Colour:
    """Pick a colour at least `distance` (BGR, Euclid) from `others`; after 30 tries its complement."""
    for _ in range(30):
        candidate = colour(rng)
        if np.linalg.norm(candidate - others) >= distance:
            return candidate
    return np.where(others > 127, 0.0, 255.0).astype(np.float32)


def _mix(mask: np.ndarray, first: Colour, second: Colour) -> Image:
    """Blend two colours by a mask float32 [H,W] in 0..1."""
    return (first + mask[..., None] * (second - first)).astype(np.uint8)


def _cloud(rng: np.random.Generator, width: int, height: int, cells: int) -> np.ndarray:
    small = rng.random((cells, cells), dtype=np.float32)
    return np.clip(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), 0, 1)


def _waves(rng: np.random.Generator, width: int, height: int, hard: bool) -> np.ndarray:
    angle, period = rng.uniform(0, np.pi), rng.uniform(0.03, 0.2) * max(width, height, 48)
    xs = np.arange(width, dtype=np.float32) * np.float32(np.cos(angle) * 2 * np.pi / period)
    ys = np.arange(height, dtype=np.float32) * np.float32(np.sin(angle) * 2 * np.pi / period)
    wave = np.sin(xs[None] + ys[:, None] + np.float32(rng.uniform(0, 6)))
    return (wave > 0).astype(np.float32) if hard else wave * 0.5 + 0.5


def _checks(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    cell = max(4, int(rng.uniform(0.04, 0.15) * max(width, height)))
    return ((np.arange(height)[:, None] // cell + np.arange(width)[None] // cell) % 2).astype(np.float32)


def pattern(rng: np.random.Generator, width: int, height: int, base: Colour, spread: float) -> Image:
    """Fill a rectangle with one or two colours near `base`.

    Args:
        rng: Source of the pattern and of the second colour.
        width: Pixels.
        height: Pixels.
        base: First colour.
        spread: How far the second colour may lie from the first, per channel.
    """
    other = np.clip(base + rng.uniform(-spread, spread, 3), 0, 255).astype(np.float32)
    kind = rng.choice(5, p=[0.25, 0.3, 0.25, 0.1, 0.1])
    if kind == 0:
        return np.full((height, width, 3), base, np.uint8)
    if kind == 1:
        return _mix(_cloud(rng, width, height, 2), base, other)
    if kind == 2:
        return _mix(_cloud(rng, width, height, int(rng.integers(4, 24))), base, other)
    if kind == 3:
        return _mix(_waves(rng, width, height, bool(rng.integers(2))), base, other)
    return _mix(_checks(rng, width, height), base, other)


def _line(image: Image, rng: np.random.Generator, paint: tuple[float, ...], unit: float) -> None:
    start = rng.uniform(0, 1, 2) * image.shape[1::-1]
    points = np.cumsum([start, *rng.normal(0, 60 * unit, (int(rng.integers(1, 4)), 2))], axis=0)
    thick = max(1, int(rng.uniform(0.5, 5) * unit))
    cv2.polylines(image, [points.astype(np.int32)], False, paint, thick, cv2.LINE_AA)


def _arc(image: Image, rng: np.random.Generator, paint: tuple[float, ...], unit: float) -> None:
    centre = tuple(int(v) for v in rng.uniform(0, 1, 2) * image.shape[1::-1])
    axes = tuple(int(v) for v in rng.uniform(10, 60, 2) * unit)
    thick = max(1, int(rng.uniform(1, 3) * unit))
    # Never more than half a turn: a closed outline would be a ring.
    cv2.ellipse(image, centre, axes, rng.uniform(0, 360), 0, rng.uniform(40, 180), paint, thick, cv2.LINE_AA)


def _bar(image: Image, rng: np.random.Generator, paint: tuple[float, ...], unit: float) -> None:
    centre = tuple(float(v) for v in rng.uniform(0, 1, 2) * image.shape[1::-1])
    wide = rng.uniform(20, 90) * unit
    # At least 3 to 1, so that no bar passes for a square.
    corners = cv2.boxPoints((centre, (wide, wide / rng.uniform(3, 8)), rng.uniform(0, 180)))
    cv2.fillPoly(image, [corners.astype(np.int32)], paint, cv2.LINE_AA)


def _speckle(image: Image, rng: np.random.Generator, paint: tuple[float, ...], unit: float) -> None:
    for point in rng.normal(rng.uniform(0, 1, 2) * image.shape[1::-1], 20 * unit, (int(rng.integers(3, 16)), 2)):
        cv2.circle(image, tuple(int(v) for v in point), max(1, int(rng.uniform(0.5, 2.5) * unit)), paint, -1)


def _word(image: Image, rng: np.random.Generator, paint: tuple[float, ...], unit: float) -> None:
    # Letters that look like one of the shapes (O, Q, X, T) stay out.
    letters = [c for c in string.ascii_letters + string.digits if c not in "oOQ0xXtT"]
    word = "".join(rng.choice(letters, int(rng.integers(1, 6))))
    at = tuple(int(v) for v in rng.uniform(0, 0.9, 2) * image.shape[1::-1])
    size = rng.uniform(0.4, 1.4) * unit
    cv2.putText(image, word, at, cv2.FONT_HERSHEY_SIMPLEX, size, paint, max(1, int(2 * size)), cv2.LINE_AA)


def clutter(image: Image, rng: np.random.Generator, count: int, unit: float) -> None:
    """Draw `count` things that are none of the shapes; `unit` is pixels per pixel of a 320-pixel scene."""
    for _ in range(count):
        draw = (_line, _arc, _bar, _speckle, _word)[rng.integers(5)]
        draw(image, rng, tuple(float(v) for v in colour(rng)), unit)


def light(image: Image, rng: np.random.Generator, strength: float) -> Image:
    """Multiply by a smooth lighting field within 1 - strength .. 1 + strength/2."""
    height, width = image.shape[:2]
    field = rng.uniform(1 - strength, 1 + strength / 2, (2, 2, 1)).astype(np.float32)
    field = cv2.resize(np.repeat(field, 3, axis=2), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.clip(image * field, 0, 255).astype(np.uint8)


def sensor(image: Image, rng: np.random.Generator, strength: float) -> Image:
    """Blur, grain and JPEG marks of a cheap camera; strength 0..1."""
    sigma = strength * rng.uniform(0, 1.4)
    if sigma > 0.3:
        image = cv2.GaussianBlur(image, (0, 0), sigma)
    if rng.random() < 0.6:
        grain = rng.standard_normal(image.shape, dtype=np.float32) * np.float32(strength * rng.uniform(0, 14))
        image = np.clip(image + grain, 0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        quality = int(100 - strength * rng.uniform(5, 65))
        image = cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)
    return image
