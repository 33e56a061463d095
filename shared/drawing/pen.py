"""What every picture with an answer on it has in common: strokes, tints and dots, in the colours of classes.

``supervision`` and what it loads take over a second and 70 MB, which a process that never draws need not pay: import
this module when the first picture is wanted.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt
import supervision as sv

from shared.drawing.colours import class_colour

Image = npt.NDArray[np.uint8]

MASK_OPACITY = 0.5


def boxes(canvas: Image, found: sv.Detections, stroke: int) -> None:
    """A rectangle for each box, the last on top."""
    sv.BoxAnnotator(color=palette(found), thickness=stroke).annotate(canvas, found)


def masks(canvas: Image, found: sv.Detections) -> None:
    """Each mask tinted in the colour of its class."""
    sv.MaskAnnotator(color=palette(found), opacity=MASK_OPACITY).annotate(canvas, found)


def class_map(canvas: Image, class_ids: npt.NDArray[np.uint8], classes: int, background: int | None) -> None:
    """Every pixel but the background's tinted in the colour of its class."""
    table = np.array([bgr(i) for i in range(classes)], np.uint8)
    tinted = cv2.addWeighted(canvas, 1 - MASK_OPACITY, table[class_ids], MASK_OPACITY, 0)
    where = np.ones(class_ids.shape, np.bool_) if background is None else class_ids != background
    canvas[where] = tinted[where]


def bones(
    canvas: Image,
    points: npt.NDArray[np.floating],
    seen: npt.NDArray[np.bool_],
    pairs: Sequence[tuple[int, int]],
    class_id: int,
    stroke: int,
) -> None:
    """Lines between those pairs of points [K, 2] of which both are seen [K]."""
    for one, other in pairs:
        if seen[one] and seen[other]:
            start, end = (tuple(np.round(points[i]).astype(int).tolist()) for i in (one, other))
            cv2.line(canvas, start, end, bgr(class_id), stroke)


def dots(
    canvas: Image, points: npt.NDArray[np.floating], seen: npt.NDArray[np.bool_], class_id: int, stroke: int
) -> None:
    """Those points [K, 2] that are seen [K], each with a white core."""
    for x, y in np.round(points[seen]).astype(int).tolist():
        cv2.circle(canvas, (x, y), stroke + stroke // 2 + 2, bgr(class_id), cv2.FILLED, cv2.LINE_AA)
        cv2.circle(canvas, (x, y), max(1, stroke // 2), (255, 255, 255), cv2.FILLED)


def depth(canvas: Image, nearness: npt.NDArray[np.float32]) -> None:
    """A depth map [height, width] of relative inverse depth (the larger the nearer) in colours: near is warm."""
    shown = sv.DepthMap(nearness, kind="relative_inverse")
    sv.DepthAnnotator(display_range="auto", opacity=1.0).annotate(canvas, shown)


def bgr(class_id: int) -> tuple[int, int, int]:
    """The colour of a class as OpenCV has it."""
    red, green, blue = class_colour(class_id)
    return blue, green, red


def palette(found: sv.Detections) -> sv.ColorPalette:
    """The colours of the classes of these boxes."""
    ids = found.class_id
    return _palette(0 if ids is None or not len(ids) else int(ids.max()))


@lru_cache(maxsize=64)
def _palette(most: int) -> sv.ColorPalette:
    return sv.ColorPalette([sv.Color(*class_colour(i)) for i in range(most + 1)])
