"""Codes that hold text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import supervision as sv
import zxingcpp

from shared.workflows import detections as columns
from shared.workflows.images import WorkflowImage
from shared.workflows.vision.pixels import grey


def read_codes(image: WorkflowImage, name: str, task: str, formats: Sequence[Any] | None = None) -> sv.Detections:
    """Codes of an image as detections of class ``name`` and confidence 1, their text in the column ``data``.

    Args:
        image: where to look.
        name: class name.
        task: prediction type.
        formats: zxing's formats; None for all.
    """
    level = np.ascontiguousarray(grey(image.pixels))
    asked: Any = {} if formats is None else {"formats": list(formats)}
    read = zxingcpp.read_barcodes(level, **asked)
    boxes = [_box(code.position) for code in read]
    count = len(boxes)
    texts = columns.column([str(code.text) for code in read])
    more = {columns.CODE_TEXT: texts, columns.PREDICTION_TYPE: task}
    return columns.build(boxes, [1.0] * count, [0] * count, [name] * count, image, **more)


def _box(position: Any) -> list[int]:
    """The upright box around the four corners of a code, which may be turned."""
    corners = [position.top_left, position.top_right, position.bottom_right, position.bottom_left]
    x, y = [corner.x for corner in corners], [corner.y for corner in corners]
    return [min(x), min(y), max(x), max(y)]
