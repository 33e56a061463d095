"""The words that label blocks write, and how large."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import supervision as sv

from shared.errors import InvalidRequest
from shared.workflows.detections import AREA_CONVERTED, AREA_PX, TIME_IN_ZONE, names

Text = Literal[
    "Class", "Confidence", "Class and Confidence", "Index", "Dimensions", "Area",
    "Area (mask)", "Area (converted)", "Tracker Id", "Time In Zone",
]  # fmt: skip
SizeMode = Literal["Manual", "Automatic"]

REFERENCE_SIDE = 1080  # pixels of the shorter side at which automatic sizes equal manual ones
FEWEST_POINTS, MOST_POINTS = 8, 128
SMALLEST_SCALE, LARGEST_SCALE = 0.3, 5.0


def labels(found: sv.Detections, text: str) -> list[str]:
    """A label per detection; ``text`` is one of ``Text`` or the name of a column. Raises InvalidRequest."""
    return _WRITERS[text](found) if text in _WRITERS else _column(found, text)


def _classes(found: sv.Detections) -> list[str]:
    return names(found) or [""] * len(found)


def _confidences(found: sv.Detections) -> list[str]:
    return [""] * len(found) if found.confidence is None else [f"{value:.2f}" for value in found.confidence]


def _both(found: sv.Detections) -> list[str]:
    pairs = zip(_classes(found), _confidences(found), strict=True)
    return [f"{name} {confidence}".strip() for name, confidence in pairs]


def _indices(found: sv.Detections) -> list[str]:
    return [str(i) for i in range(len(found))]


def _dimensions(found: sv.Detections) -> list[str]:
    boxes = ((x0, y0, x1 - x0, y1 - y0) for x0, y0, x1, y1 in found.xyxy.tolist())
    return [f"{int(x + w / 2)}, {int(y + h / 2)} {int(w)}x{int(h)}" for x, y, w, h in boxes]


def _areas(found: sv.Detections) -> list[str]:
    return [str(int(area)) for area in found.area]


def _ids(found: sv.Detections) -> list[str]:
    ids: list[Any] = [None] * len(found) if found.tracker_id is None else found.tracker_id.tolist()
    return ["No Tracker ID" if id_ is None else str(id_) for id_ in ids]


_WRITERS: dict[str, Callable[[sv.Detections], list[str]]] = {
    "Class": _classes,
    "Confidence": _confidences,
    "Class and Confidence": _both,
    "Index": _indices,
    "Dimensions": _dimensions,
    "Area": _areas,
    "Tracker Id": _ids,
}

_COLUMNS = {
    "Time In Zone": (TIME_IN_ZONE, "In zone: {}s", "In zone: N/A"),
    "Area (mask)": (AREA_PX, "Area (mask): {:.2f}", "Area (mask): N/A"),
    "Area (converted)": (AREA_CONVERTED, "Area (conv): {:.2f}", "Area (conv): N/A"),
}


def _column(found: sv.Detections, text: str) -> list[str]:
    if text in _COLUMNS:
        name, shown, missing = _COLUMNS[text]
        values = found.data.get(name, [None] * len(found))
        return [shown.format(round(float(value), 2)) if value else missing for value in values]
    if text not in found.data:
        raise InvalidRequest(f"Detections have nothing called {text!r} to write on them.")
    return ["" if value is None else str(value) for value in np.asarray(found.data[text], object)]


def text_scale(size: tuple[int, int], manual: float, mode: str | None) -> float:
    """OpenCV's text scale: the manual one, or in proportion to the shorter side."""
    if mode != "Automatic":
        return manual
    return max(SMALLEST_SCALE, min(LARGEST_SCALE, manual * min(size) / REFERENCE_SIDE))


def font_size(size: tuple[int, int], manual: int, mode: str | None) -> int:
    """Points: the manual ones, or in proportion to the shorter side."""
    if mode != "Automatic":
        return manual
    return max(FEWEST_POINTS, min(MOST_POINTS, round(manual * min(size) / REFERENCE_SIDE)))
