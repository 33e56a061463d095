"""The annotated picture as JPEG: boxes with labels, masks, keypoints, class colours, or the best classes."""

from __future__ import annotations

import colorsys
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from worker_service.engine.keypoint_results import Poses
from worker_service.engine.mask_results import ClassMap, Instances
from worker_service.engine.params import Params
from worker_service.engine.results import Classification, Detections

Image = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]

JPEG_QUALITY = 90
FONT = cv2.FONT_HERSHEY_SIMPLEX
GOLDEN_RATIO = 0.618033988749895
BANNER_LINES = 5


def class_colour(class_id: int) -> Colour:
    """A BGR colour that a class always has. Golden-ratio steps around the hues keep neighbours far apart."""
    hue = (class_id * GOLDEN_RATIO + 0.02) % 1.0
    value = (1.0, 0.8, 0.9)[class_id % 3]
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.85, value)
    return round(blue * 255), round(green * 255), round(red * 255)


def with_boxes(result: Detections, pixels: Image | None, params: Params) -> Detections:
    """The result with its picture, when it was asked for; the best boxes are drawn last and stay seen."""
    if not params.visualize or pixels is None:
        return result
    canvas = pixels.copy()
    _draw_boxes(canvas, result, params)
    return replace(result, visualization=_jpeg(canvas))


def with_masks(result: Instances, pixels: Image | None, params: Params) -> Instances:
    """The result with its picture, when it was asked for: masks tinted, then the boxes."""
    if not params.visualize or pixels is None:
        return result
    canvas = pixels.copy()
    for i in reversed(range(len(result.shapes))):
        cells, left, top = result.drawn(i)
        part = canvas[top : top + cells.shape[0], left : left + cells.shape[1]]
        _tint(part, cells.astype(np.bool_), class_colour(int(result.class_ids[i])))
    _draw_boxes(canvas, result, params)
    return replace(result, visualization=_jpeg(canvas))


def with_keypoints(result: Poses, pixels: Image | None, params: Params) -> Poses:
    """The result with its picture, when it was asked for: boxes, the skeleton, and the points that are reported."""
    if not params.visualize or pixels is None:
        return result
    canvas = pixels.copy()
    _draw_boxes(canvas, result, params)
    width = params.visualization_stroke_width
    for points in result.keypoints.tolist():
        least = max(result.keypoint_confidence, 1e-9)
        places = [(round(x), round(y)) if sure >= least else None for x, y, sure in points]
        for bone, (one, other) in enumerate(result.skeleton):
            begin, end = places[one], places[other]
            if begin and end:
                cv2.line(canvas, begin, end, class_colour(bone), width, cv2.LINE_AA)
        for i, place in enumerate(places):
            if place:
                cv2.circle(canvas, place, width + 1, class_colour(i), cv2.FILLED, cv2.LINE_AA)
    return replace(result, visualization=_jpeg(canvas))


def with_classes(result: ClassMap, pixels: Image | None, params: Params, background: int | None) -> ClassMap:
    """The result with its picture, when it was asked for: each class but the background tinted in its colour."""
    if not params.visualize or pixels is None:
        return result
    canvas = pixels.copy()
    below = 0
    for class_id in result.present:
        if class_id == background:
            continue
        colour = class_colour(class_id)
        _tint(canvas, result.class_ids == class_id, colour)
        if params.visualization_labels:
            below = _tag(canvas, result.labels[class_id], 0, below, colour, inside=True)
    return replace(result, visualization=_jpeg(canvas))


def with_banner(result: Classification, pixels: Image | None, params: Params) -> Classification:
    """The result with its picture added when it was asked for: the best classes in the top left corner."""
    if not params.visualize or pixels is None:
        return result
    canvas = pixels.copy()
    best = np.argsort(-result.scores, kind="stable")[:1]
    shown = [i for i, _ in result.ranked[:BANNER_LINES]] or [int(i) for i in best]
    below = 0
    for i in shown:
        text = f"{result.labels[i]} {float(result.scores[i]):.2f}"
        below = _tag(canvas, text, 0, below, class_colour(i), inside=True)
    return replace(result, visualization=_jpeg(canvas))


def _draw_boxes(canvas: Image, result: Detections, params: Params) -> None:
    for i in reversed(range(len(result.boxes))):
        colour = class_colour(int(result.class_ids[i]))
        x0, y0, x1, y1 = (round(value) for value in result.boxes[i].tolist())
        cv2.rectangle(canvas, (x0, y0), (x1, y1), colour, params.visualization_stroke_width, cv2.LINE_AA)
        if params.visualization_labels:
            text = f"{result.labels[int(result.class_ids[i])]} {float(result.scores[i]):.2f}"
            _tag(canvas, text, x0, y0, colour)


def _tint(part: Image, where: npt.NDArray[np.bool_], colour: Colour) -> None:
    """Halfway to the colour, in place."""
    part[where] = part[where] // 2 + np.array(colour, np.uint8) // 2


def _tag(canvas: Image, text: str, left: int, edge: int, colour: Colour, *, inside: bool = False) -> int:
    """Text on a filled rectangle above ``edge``, or below it for want of room; returns its lower end."""
    height, width = canvas.shape[:2]
    scale = min(2.0, max(0.4, max(height, width) / 1600))
    weight = max(1, round(scale * 1.5))
    text = text.encode("ascii", "replace").decode()  # cv2's fonts have no other letters
    (text_width, text_height), base = cv2.getTextSize(text, FONT, scale, weight)
    tall = text_height + base + 4
    top = edge if inside or edge < tall else edge - tall
    left = max(0, min(left, width - text_width - 6))
    cv2.rectangle(canvas, (left, top), (left + text_width + 6, top + tall), colour, cv2.FILLED)
    cv2.putText(canvas, text, (left + 3, top + text_height + 2), FONT, scale, _ink(colour), weight, cv2.LINE_AA)
    return top + tall


def _ink(colour: Colour) -> Colour:
    """Black on light colours, white on dark ones (luma weights of ITU-R BT.601)."""
    blue, green, red = colour
    return (0, 0, 0) if 0.114 * blue + 0.587 * green + 0.299 * red > 140 else (255, 255, 255)


def _jpeg(canvas: Image) -> bytes:
    _, data = cv2.imencode(".jpg", canvas, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return bytes(data)
