"""A picture with an answer drawn onto it: boxes, masks, keypoints, labels, or the best classes.

Takes answers in the form in which they travel (``predictions`` with centre, width and height in pixels), whatever model
or workflow they come from. The drawing is supervision's; it is imported at first use, because that takes seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]

# The colours of Roboflow's own pictures, so that a class looks the same everywhere.
PALETTE = ("#4892EA", "#00EEC3", "#FE4EF0", "#F4004E", "#FA7200", "#EEEE17", "#90FF00", "#78C1D2", "#8C29FF")
BANNER_LINES = 5
FONT = cv2.FONT_HERSHEY_SIMPLEX


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
        _banner(canvas, [(name, row.get("confidence")) for name, row in predictions.items()])
    elif isinstance(predictions, list) and predictions and "x" in predictions[0]:
        _objects(canvas, scaled(answer, canvas.shape[1], canvas.shape[0]), style)
    elif isinstance(predictions, list):
        _banner(canvas, [(row.get("class", ""), row.get("confidence")) for row in predictions])
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
    sv: Any = _supervision()
    tools = _annotators(style.thickness or max(2, round(max(canvas.shape[:2]) / 400)), max(canvas.shape[:2]) // 320)
    found = sv.Detections.from_inference(answer)
    if found.mask is not None:
        tools["mask"].annotate(canvas, found)
    tools["box"].annotate(canvas, found)
    if any(row.get("keypoints") for row in answer["predictions"]):
        _points(canvas, answer["predictions"], tools["radius"])
    if style.labels:
        tools["label"].annotate(canvas, found, [_label(row, style) for row in answer["predictions"]])


def _points(canvas: Image, rows: list[dict[str, Any]], radius: int) -> None:
    # Rows may report different numbers of points, which supervision's arrays cannot hold.
    for row in rows:
        for point in row.get("keypoints") or ():
            colour = colour_of(int(point.get("class_id", 0)))
            cv2.circle(canvas, (round(point["x"]), round(point["y"])), radius + 1, colour, cv2.FILLED, cv2.LINE_AA)


def _label(row: Mapping[str, Any], style: Style) -> str:
    parts = [f"#{row['tracker_id']}"] if row.get("tracker_id") is not None else []
    parts.append(str(row.get("class", "")))
    if style.confidence and row.get("confidence") is not None:
        parts.append(f"{row['confidence']:.2f}")
    return " ".join(parts).encode("ascii", "replace").decode()  # cv2's fonts have no other letters


def _banner(canvas: Image, classes: list[tuple[str, Any]]) -> None:
    """The best classes, one below the other in the top left corner."""
    scale = min(2.0, max(0.4, max(canvas.shape[:2]) / 1600))
    best = sorted(classes, key=lambda row: -float(row[1] or 0))[:BANNER_LINES]
    top = 0
    for index, (name, confidence) in enumerate(best):
        text = f"{name} {float(confidence or 0):.2f}".encode("ascii", "replace").decode()
        (wide, tall), base = cv2.getTextSize(text, FONT, scale, 1)
        below = top + tall + base + 4
        cv2.rectangle(canvas, (0, top), (wide + 6, below), colour_of(index), cv2.FILLED)
        cv2.putText(canvas, text, (3, below - base - 1), FONT, scale, (0, 0, 0), 1, cv2.LINE_AA)
        top = below


def colour_of(number: int) -> tuple[int, int, int]:
    """The BGR colour of a class."""
    code = PALETTE[number % len(PALETTE)]
    return int(code[5:7], 16), int(code[3:5], 16), int(code[1:3], 16)


@lru_cache(maxsize=16)
def _annotators(thickness: int, size: int) -> dict[str, Any]:
    sv: Any = _supervision()
    palette = sv.ColorPalette.from_hex(list(PALETTE))
    scale = min(1.0, max(0.45, size * 0.18))
    return {
        "box": sv.BoxAnnotator(color=palette, thickness=thickness),
        "mask": sv.MaskAnnotator(color=palette, opacity=0.5),
        "label": sv.LabelAnnotator(color=palette, text_color=sv.Color.BLACK, text_scale=scale, text_padding=3),
        "radius": thickness + 1,
    }


def _supervision() -> Any:
    import supervision  # noqa: PLC0415 - seconds of imports, for those only who draw

    return supervision
