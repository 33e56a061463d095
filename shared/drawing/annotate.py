"""A picture with an answer drawn onto it: boxes, masks, keypoints, labels, or the best classes.

Takes answers in the form in which they travel (``predictions`` with centre, width and height in pixels), whatever model
or workflow they come from. The pen is imported at first use, because supervision takes seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from shared.drawing import text

Image = npt.NDArray[np.uint8]

BANNER_LINES = 5


@dataclass(frozen=True)
class Style:
    """What is drawn, and how. ``thickness`` is in pixels; 0 chooses it by the picture's size."""

    labels: bool = True
    confidence: bool = True
    thickness: int = 0


def annotate(image: Image, answer: Mapping[str, Any], style: Style | None = None) -> Image:
    """A copy of the picture (BGR uint8 [h, w, 3]) with the answer on it. An answer without predictions changes nothing.

    Coordinates are those of ``answer["image"]`` when it has a size, and are scaled to this picture.
    """
    style = style or Style()
    canvas = np.array(image, np.uint8)
    predictions = answer.get("predictions")
    if isinstance(predictions, Mapping):
        _banner(canvas, list(predictions.values()), list(predictions))
    elif isinstance(predictions, list) and predictions and "x" in predictions[0]:
        _objects(canvas, scaled(answer, canvas.shape[1], canvas.shape[0]), style)
    elif isinstance(predictions, list):
        _banner(canvas, predictions, [str(row.get("class", "")) for row in predictions])
    return canvas


def scaled(answer: Mapping[str, Any], width: int, height: int) -> dict[str, Any]:
    """The answer for a picture of that size: every coordinate multiplied by the ratio of the sizes."""
    size = answer.get("image") or {}
    across = width / size["width"] if size.get("width") else 1.0
    down = height / size["height"] if size.get("height") else 1.0
    rows = answer["predictions"]
    if (across, down) != (1.0, 1.0):
        rows = [_scaled_row(row, across, down) for row in rows]
    return {**answer, "image": {"width": width, "height": height}, "predictions": rows}


def _scaled_row(row: Mapping[str, Any], across: float, down: float) -> dict[str, Any]:
    moved = {
        **row,
        "x": row["x"] * across,
        "y": row["y"] * down,
        "width": row["width"] * across,
        "height": row["height"] * down,
    }
    for name in ("points", "keypoints"):
        if row.get(name):
            moved[name] = [{**point, "x": point["x"] * across, "y": point["y"] * down} for point in row[name]]
    for name in ("rle", "rle_mask"):  # a bitmap of the other size; without it the box is still right
        moved.pop(name, None)
    return moved


def _objects(canvas: Image, answer: dict[str, Any], style: Style) -> None:
    from supervision import Detections  # noqa: PLC0415 - as for the pen

    pen, rows = _pen(), answer["predictions"]
    stroke = style.thickness or max(2, round(max(canvas.shape[:2]) / 400))
    found = Detections.from_inference(answer)
    if found.mask is not None:
        pen.masks(canvas, found)
    pen.boxes(canvas, found, stroke)
    for row in rows:  # rows may report different numbers of points, which supervision's arrays cannot hold
        points = np.array([(point["x"], point["y"]) for point in row.get("keypoints") or ()], np.float32)
        pen.dots(canvas, points.reshape(-1, 2), np.ones(len(points), np.bool_), _class_id(row), stroke)
    if style.labels:
        corners = [(x, y) for x, y, *_ in found.xyxy.tolist()]
        text.labels(canvas, corners, [_label(row, style) for row in rows], [_class_id(row) for row in rows])


def _class_id(row: Mapping[str, Any]) -> int:
    return int(row.get("class_id") or 0)


def _label(row: Mapping[str, Any], style: Style) -> str:
    parts = [f"#{row['tracker_id']}"] if row.get("tracker_id") is not None else []
    parts.append(text.shorten(str(row.get("class", ""))))
    if style.confidence and row.get("confidence") is not None:
        parts.append(f"{row['confidence']:.2f}")
    return " ".join(parts)


def _banner(canvas: Image, rows: list[Mapping[str, Any]], names: list[str]) -> None:
    """The best classes, one below the other in the top left corner, in the colours of the classes."""
    order = sorted(range(len(rows)), key=lambda i: -float(rows[i].get("confidence") or 0))[:BANNER_LINES]
    lines = [
        (int(rows[i].get("class_id", i)), f"{names[i]} {float(rows[i].get('confidence') or 0):.2f}") for i in order
    ]
    text.banner(canvas, lines)


def _pen() -> ModuleType:
    """pen.py, imported when it is first needed."""
    from shared.drawing import pen  # noqa: PLC0415 - see its docstring

    return pen
