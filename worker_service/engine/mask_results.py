"""What segmentation models answer: a mask per object, or a class per pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt
from typing_extensions import override

from worker_service.engine.results import Detections, FloatArray, IntArray, envelope
from worker_service.engine.vision.rle import compress, run_lengths

# Masks are large areas of few values. Rows as differences to the row above, then runs: as small as zlib's best level
# makes them, in a third of the time of its fastest with the filters that libpng would choose.
PNG = [*(cv2.IMWRITE_PNG_COMPRESSION, 1), *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE)]
if hasattr(cv2, "IMWRITE_PNG_FILTER"):  # OpenCV 4.11 and before let libpng choose
    PNG += [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP]


@dataclass(frozen=True, kw_only=True)
class Instances(Detections):
    """Boxes with a mask each.

    Attributes:
        shapes: one per box: outline [points, 2] for polygons, runs [n, 3] of column, first row and end for rle.
        mask_format: which of them.
    """

    shapes: tuple[FloatArray | IntArray, ...]
    mask_format: Literal["polygon", "rle"] = "polygon"

    @override
    def to_dict(self) -> dict[str, Any]:
        """As for boxes, plus ``points`` of the largest outline or ``rle``, and ``mask_format``."""
        rows = self.rows()
        size = (self.image[1], self.image[0])
        for row, shape in zip(rows, self.shapes, strict=True):
            row["mask_format"] = self.mask_format
            if self.mask_format == "rle":
                row["rle"] = {"size": list(size), "counts": compress(run_lengths(shape.astype(np.int64), size))}
            else:
                row["points"] = [{"x": x, "y": y} for x, y in shape.tolist()]
        return envelope("instance-segmentation", self.image, {"predictions": rows}, self.visualization)

    def drawn(self, index: int) -> tuple[npt.NDArray[np.uint8], int, int]:
        """One mask as 0 and 1 [h, w], and the column and row of the source where it begins."""
        shape = np.round(self.shapes[index]).astype(np.int32)
        if not len(shape):
            return np.zeros((0, 0), np.uint8), 0, 0
        if self.mask_format == "polygon":
            (left, top), (right, bottom) = shape.min(axis=0), shape.max(axis=0) + 1
        else:
            left, right, top, bottom = shape[0, 0], shape[-1, 0] + 1, shape[:, 1].min(), shape[:, 2].max()
        cells = np.zeros((bottom - top, right - left), np.uint8)
        if self.mask_format == "polygon":
            cv2.fillPoly(cells, [shape - np.array([left, top], np.int32)], 1)
        else:
            for column, first, end in (shape - np.array([left, top, top], np.int32)).tolist():
                cells[first:end, column] = 1
        return cells, int(left), int(top)


@dataclass(frozen=True)
class ClassMap:
    """A class for each pixel of the source.

    Attributes:
        image: width and height of the source in pixels.
        class_ids: [height, width] indices into ``labels``.
        confidences: [height, width] probability of that class, 0..255 for 0..1.
    """

    image: tuple[int, int]
    class_ids: npt.NDArray[np.uint8]
    confidences: npt.NDArray[np.uint8]
    labels: tuple[str, ...]
    visualization: bytes | None = None

    def to_dict(self) -> dict[str, Any]:
        """``predictions``: two PNG files, the labels by class id, and the ids that occur."""
        body = {
            "segmentation_mask": _png(self.class_ids),
            "confidence_mask": _png(self.confidences),
            "class_map": {str(i): label for i, label in enumerate(self.labels)},
            "present_class_ids": self.present,
        }
        return envelope("semantic-segmentation", self.image, {"predictions": body}, self.visualization)

    @property
    def present(self) -> list[int]:
        """Class ids that occur, in order."""
        counts = cv2.calcHist([self.class_ids], [0], None, [256], [0, 256])
        return [int(i) for i in np.flatnonzero(counts)]


def _png(plane: npt.NDArray[np.uint8]) -> bytes:
    _, data = cv2.imencode(".png", plane, PNG)
    return bytes(data)
