"""Outlines of the six shapes that the demo models know, as polygons around the origin."""

import numpy as np

Points = np.ndarray  # float64 [N,2], x right, y down
LABELS = ("circle", "triangle", "square", "star", "cross", "ring")


def _regular(corners: int, radius: float = 1.0, turn: float = 0.0) -> Points:
    angle = turn + np.arange(corners) * (2 * np.pi / corners)
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def _star(rng: np.random.Generator) -> Points:
    outer = _regular(5, turn=-np.pi / 2)
    inner = _regular(5, radius=rng.uniform(0.36, 0.5), turn=-np.pi / 2 + np.pi / 5)
    return np.stack([outer, inner], axis=1).reshape(-1, 2)


def _cross(rng: np.random.Generator) -> Points:
    arm = rng.uniform(0.24, 0.38)
    corner = np.array([(1.0, -arm), (1.0, arm), (arm, arm)])
    quarter = np.array([(0.0, -1.0), (1.0, 0.0)])
    turns = [np.linalg.matrix_power(quarter, k) for k in range(4)]
    return np.concatenate([corner @ turn.T for turn in turns])


def outline(label: int, rng: np.random.Generator) -> list[Points]:
    """Draw the contours of one shape with circumradius 1, before any transform.

    Args:
        label: Index into `LABELS`.
        rng: Source of the proportions (arm width, ring width).

    Returns:
        Contours [N,2]; a second contour is a hole (even-odd rule).
    """
    name = LABELS[label]
    if name == "circle":
        return [_regular(64)]
    if name == "ring":
        return [_regular(64), _regular(64, radius=rng.uniform(0.45, 0.7))]
    if name == "triangle":
        return [_regular(3, turn=-np.pi / 2)]
    if name == "square":
        return [_regular(4, turn=np.pi / 4)]
    return [_star(rng) if name == "star" else _cross(rng)]


def place(contours: list[Points], centre: tuple[float, float], radius: float, rng: np.random.Generator) -> list[Points]:
    """Turn, stretch, shear and move contours.

    Args:
        contours: From `outline`.
        centre: Where the origin goes, in pixels.
        radius: Circumradius in pixels.
        rng: Source of angle, stretch (up to 1.3 to 1) and shear (up to 0.15).
    """
    angle = rng.uniform(0, 2 * np.pi)
    stretch = rng.uniform(0.88, 1.14)
    turn = np.array([(np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))])
    deform = np.array([(stretch, rng.uniform(-0.15, 0.15)), (0.0, 1 / stretch)])
    # Deform after turning: a shape may lean in any direction relative to its own axes.
    transform = radius * deform @ turn
    return [points @ transform.T + np.asarray(centre) for points in contours]


def bounds(contours: list[Points]) -> tuple[float, float, float, float]:
    """Smallest box (x0, y0, x1, y1), in pixels, around the contours."""
    low, high = contours[0].min(axis=0), contours[0].max(axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])
