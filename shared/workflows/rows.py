"""Detections as dictionaries, the form in which models answer and clients read, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import supervision as sv

from shared.workflows import detections as columns
from shared.workflows.images import WorkflowImage

PASSED_ON = (
    columns.PATH_DEVIATION,
    columns.TIME_IN_ZONE,
    columns.POLYGON,
    columns.BOUNDING_RECT,
    columns.BOUNDING_RECT_WIDTH,
    columns.BOUNDING_RECT_HEIGHT,
    columns.BOUNDING_RECT_ANGLE,
    columns.VELOCITY,
    columns.SPEED,
    columns.SMOOTHED_VELOCITY,
    columns.SMOOTHED_SPEED,
    columns.AREA_PX,
    columns.AREA_CONVERTED,
    columns.NEAREST_TARGET_DISTANCE,
    columns.CODE_TEXT,
)
"""Columns that are sent as they are, where blocks wrote them."""
NULLABLE = frozenset({columns.NEAREST_TARGET_DISTANCE})
"""Of these also the nulls: they say that there is nothing near."""


def from_rows(
    rows: Sequence[Mapping[str, Any]], size: tuple[int, int], image: WorkflowImage | None = None, **more: Any
) -> sv.Detections:
    """Detections of one image of that width and height; ``more`` are columns for all of them.

    Masks come from ``rle`` or ``points``, keypoints from ``keypoints``.
    """
    if not rows:
        return columns.empty() if image is None else columns.attach(columns.empty(), image)
    x, y, w, h = (np.array([float(row[name]) for row in rows]) for name in ("x", "y", "width", "height"))
    made = columns.build(
        np.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], axis=1),
        [float(row.get("confidence", 1.0)) for row in rows],
        [int(row.get("class_id", 0)) for row in rows],
        [str(row.get("class", "")) for row in rows],
        image,
        mask=_masks(rows, size),
        tracker_id=_trackers(rows),
        **{columns.DETECTION_ID: _ids(rows), **more},
    )
    if any("keypoints" in row for row in rows):
        _add_keypoints(made, rows)
    for name in PASSED_ON[2:]:
        if name not in ("width", "height") and any(name in row for row in rows):
            made.data[name] = columns.column([row.get(name) for row in rows])
    if image is None and size != (0, 0):
        made.data[columns.IMAGE_DIMENSIONS] = np.array([[size[1], size[0]]] * len(rows))
        made.data |= _places(rows)
    return made


def to_rows(detections: sv.Detections, *, rle: bool = False) -> dict[str, Any]:
    """The wire form: ``image`` with its size (null where nothing tells it) and ``predictions``."""
    data: Mapping[str, Any] = detections.data
    dimensions = data.get(columns.IMAGE_DIMENSIONS, [])
    known = dimensions[0] if len(dimensions) else detections.metadata.get(columns.IMAGE_DIMENSIONS)
    height, width = (None, None) if known is None else (int(value) for value in known)
    found = [row for i in range(len(detections)) if (row := _row(detections, i, rle=rle)) is not None]
    return {"image": {"width": width, "height": height}, "predictions": found}


def _row(detections: sv.Detections, i: int, *, rle: bool) -> dict[str, Any] | None:
    x0, y0, x1, y1 = (float(value) for value in detections.xyxy[i])
    data: Mapping[str, Any] = detections.data
    row: dict[str, Any] = {"width": x1 - x0, "height": y1 - y0, "x": (x0 + x1) / 2, "y": (y0 + y1) / 2}
    row["confidence"] = None if detections.confidence is None else float(detections.confidence[i])
    row["class_id"] = None if detections.class_id is None else int(detections.class_id[i])
    row["class"] = str(data[columns.CLASS_NAME][i]) if columns.CLASS_NAME in data else ""
    if columns.DETECTION_ID in data:
        row["detection_id"] = str(data[columns.DETECTION_ID][i])
    if not _add_mask(row, detections, i, rle=rle):
        return None
    if detections.tracker_id is not None:
        row["tracker_id"] = int(detections.tracker_id[i])
    row |= _lineage(data, i)
    if columns.KEYPOINTS_XY in data:
        row["keypoints"] = _keypoints(data, i)
    shown = {name: plain(data[name][i]) for name in PASSED_ON if name in data}
    return row | {name: value for name, value in shown.items() if value is not None or name in NULLABLE}


def _add_mask(row: dict[str, Any], detections: sv.Detections, i: int, *, rle: bool) -> bool:
    """Outline or run lengths; False for a mask without any pixel, whose detection is dropped."""
    if rle and columns.RLE_MASK in detections.data:
        row["rle_mask"] = plain(detections.data[columns.RLE_MASK][i])
        return True
    if detections.mask is None:
        return True
    mask = np.asarray(np.asarray(detections.mask)[i], np.uint8)
    if rle:
        row["rle_mask"] = {"size": list(mask.shape), "counts": compressed(_counts(mask))}
        return bool(mask.any())
    data: Mapping[str, Any] = detections.data
    zone: Any = data[columns.POLYGON][i] if columns.POLYGON in data else None
    outline = largest_outline(mask)
    if outline and zone is not None and len(zone) > 2:
        outline = [(float(x), float(y)) for x, y in zone]
    row["points"] = [{"x": float(x), "y": float(y)} for x, y in outline]
    return bool(outline)


def largest_outline(mask: npt.NDArray[np.uint8]) -> list[tuple[float, float]]:
    """The outline of the largest part of a mask, as at least three points; none where the mask is empty."""
    outlines, _ = cv2.findContours(mask, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)
    if not outlines:
        return []
    points = [(float(x), float(y)) for x, y in max(outlines, key=len).reshape(-1, 2)]
    return points + [points[-1]] * max(0, 3 - len(points))


def _counts(mask: npt.NDArray[np.uint8]) -> list[int]:
    """Uncompressed COCO run lengths, column by column, beginning with zeros."""
    flat = mask.T.reshape(-1).astype(bool)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flat, [False]]).astype(np.int8)))
    lengths = np.diff(np.concatenate([[0], edges, [flat.size]]))
    return [int(length) for length in lengths]


def _lineage(data: Mapping[str, Any], i: int) -> dict[str, Any]:
    row: dict[str, Any] = {}
    if columns.PARENT_ID in data:
        row["parent_id"] = str(data[columns.PARENT_ID][i])
    if columns.ROOT_PARENT_ID not in data or str(data[columns.ROOT_PARENT_ID][i]) == row.get("parent_id"):
        return row
    row["root_parent_id"] = str(data[columns.ROOT_PARENT_ID][i])
    for name, at, dimensions in (
        ("parent_origin", columns.PARENT_COORDINATES, columns.PARENT_DIMENSIONS),
        ("root_parent_origin", columns.ROOT_PARENT_COORDINATES, columns.ROOT_PARENT_DIMENSIONS),
    ):
        if at in data and dimensions in data:
            (x, y), (height, width) = data[at][i], data[dimensions][i]
            row[name] = {"offset_x": int(x), "offset_y": int(y), "width": int(width), "height": int(height)}
    return row


def _keypoints(data: Mapping[str, Any], i: int) -> list[dict[str, Any]]:
    points = zip(
        data[columns.KEYPOINTS_XY][i],
        data[columns.KEYPOINTS_CLASS_ID][i],
        data[columns.KEYPOINTS_CLASS_NAME][i],
        data[columns.KEYPOINTS_CONFIDENCE][i],
        strict=True,
    )
    return [
        {"class_id": int(number), "class": str(name), "confidence": float(sure), "x": float(x), "y": float(y)}
        for (x, y), number, name, sure in points
    ]


def _add_keypoints(made: sv.Detections, rows: Sequence[Mapping[str, Any]]) -> None:
    points = [row.get("keypoints") or [] for row in rows]
    made.data[columns.KEYPOINTS_XY] = columns.column(
        [np.array([[one["x"], one["y"]] for one in each], np.float32).reshape(-1, 2) for each in points]
    )
    for column, name, kind in (
        (columns.KEYPOINTS_CLASS_ID, "class_id", int),
        (columns.KEYPOINTS_CLASS_NAME, "class", str),
        (columns.KEYPOINTS_CONFIDENCE, "confidence", float),
    ):
        made.data[column] = columns.column([np.array([kind(one.get(name, 0)) for one in each]) for each in points])


def _masks(rows: Sequence[Mapping[str, Any]], size: tuple[int, int]) -> npt.NDArray[np.bool_] | None:
    if size == (0, 0) or not any(name in row for row in rows for name in ("points", "rle", "rle_mask")):
        return None
    return np.array([_mask(row, size) for row in rows])


def _mask(row: Mapping[str, Any], size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    width, height = size
    runs = row.get("rle") or row.get("rle_mask")
    if runs:
        return unrolled(runs["counts"], int(runs["size"][0]), int(runs["size"][1]))
    drawn = np.zeros((height, width), np.uint8)
    points = np.array([[point["x"], point["y"]] for point in row.get("points") or []])
    if len(points):
        cv2.fillPoly(drawn, [points.round().astype(np.int32)], 1)
    return drawn.astype(bool)


def unrolled(counts: Any, height: int, width: int) -> npt.NDArray[np.bool_]:
    """COCO run lengths, as a list or in COCO's compressed text, as a mask [height, width]."""
    lengths = _decompressed(counts) if isinstance(counts, (str, bytes)) else [int(count) for count in counts]
    flat = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)
    padded = np.zeros(height * width, dtype=bool)
    padded[: min(flat.size, padded.size)] = flat[: padded.size]
    return np.ascontiguousarray(padded.reshape(width, height).T)


def _decompressed(text: str | bytes) -> list[int]:
    """COCO's variable-length text: five bits a character from 48, differences to the length before the last."""
    data = text.encode() if isinstance(text, str) else text
    lengths: list[int] = []
    value = shift = 0
    for character in data:
        bits = character - 48
        value |= (bits & 0x1F) << shift
        shift += 5
        if bits & 0x20:
            continue
        if bits & 0x10:
            value -= 1 << shift
        lengths.append(value + lengths[-2] if len(lengths) > 2 else value)
        value = shift = 0
    return lengths


def compressed(lengths: Sequence[int]) -> str:
    """Run lengths in COCO's text, the reverse of ``_decompressed``."""
    text: list[str] = []
    for i, length in enumerate(lengths):
        value = int(length) - (int(lengths[i - 2]) if i > 2 else 0)
        more = True
        while more:
            bits = value & 0x1F
            value >>= 5
            more = value != (-1 if bits & 0x10 else 0)
            text.append(chr(bits + (0x20 if more else 0) + 48))
    return "".join(text)


def _ids(rows: Sequence[Mapping[str, Any]]) -> list[str] | None:
    return [str(row["detection_id"]) for row in rows] if all("detection_id" in row for row in rows) else None


def _trackers(rows: Sequence[Mapping[str, Any]]) -> npt.NDArray[np.int64] | None:
    if not all(row.get("tracker_id") is not None for row in rows):
        return None
    return np.array([int(row["tracker_id"]) for row in rows])


def _places(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Where the image lies, for rows that say so."""
    found: dict[str, Any] = {}
    for name in (columns.PARENT_ID, columns.ROOT_PARENT_ID):
        if all(name in row for row in rows):
            found[name] = np.array([str(row[name]) for row in rows])
    for name, at, dimensions in (
        ("parent_origin", columns.PARENT_COORDINATES, columns.PARENT_DIMENSIONS),
        ("root_parent_origin", columns.ROOT_PARENT_COORDINATES, columns.ROOT_PARENT_DIMENSIONS),
    ):
        if all(name in row for row in rows):
            found[at] = np.array([[row[name]["offset_x"], row[name]["offset_y"]] for row in rows])
            found[dimensions] = np.array([[row[name]["height"], row[name]["width"]] for row in rows])
    return found


def plain(value: Any) -> Any:
    """Arrays and numpy numbers as plain values."""
    if isinstance(value, np.ndarray):
        return [plain(item) for item in value.tolist()]
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value.isoformat() if isinstance(value, datetime) else value
