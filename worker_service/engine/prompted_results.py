"""What promptable segmentation answers: a mask for each prompt, or the image's embedding."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from worker_service.engine.prompts import MaskFormat
from worker_service.engine.results import envelope
from worker_service.engine.vision.rle import column_runs, compress, run_lengths

TASK = "promptable-segmentation"
Bits = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class PromptedMasks:
    """Masks of one image, one for each prompt, in their order.

    Attributes:
        image: width and height of the source in pixels.
        masks: 0 and 1, [height, width] each.
        scores: how good the model thinks that each is.
        logits: as the net answers them, [h, w] each.
        mask_format: how they are told.
        low_res: tell the outlines of the logits, too.
    """

    image: tuple[int, int]
    masks: tuple[Bits, ...]
    scores: tuple[float, ...]
    logits: tuple[Floats, ...]
    mask_format: MaskFormat = "polygon"
    low_res: bool = False
    visualization: bytes | None = None

    def to_dict(self) -> dict[str, Any]:
        """``predictions`` with ``masks``, ``confidence`` and ``format`` each; or ``binary``, a .npz file of all."""
        if self.mask_format == "binary":
            return envelope(TASK, self.image, {"binary": self._packed()}, self.visualization)
        rows = [self._row(i) for i in range(len(self.masks))]
        return envelope(TASK, self.image, {"predictions": rows}, self.visualization)

    def _row(self, index: int) -> dict[str, Any]:
        row: dict[str, Any] = {"confidence": self.scores[index], "format": self.mask_format}
        mask = self.masks[index]
        if self.mask_format == "rle":
            counts = run_lengths(column_runs(mask), mask.shape[:2])
            return {**row, "masks": {"size": list(mask.shape), "counts": compress(counts)}}
        row["masks"] = outlines(mask)
        if self.low_res:
            row["low_res_masks"] = outlines((self.logits[index] > 0).astype(np.uint8))
        return row

    def _packed(self) -> bytes:
        """``masks`` [n, height, width] of booleans, ``low_res_masks`` [n, h, w] of logits, ``scores`` [n]."""
        file = io.BytesIO()
        np.savez_compressed(
            file,
            masks=np.stack(self.masks).astype(np.bool_),
            low_res_masks=np.stack(self.logits),
            scores=np.array(self.scores, np.float32),
        )
        return file.getvalue()


@dataclass(frozen=True)
class ImageEmbedding:
    """That an image is embedded, and its embedding where that was asked for."""

    image: tuple[int, int]
    embedding: list[Any] | bytes | None

    def to_dict(self) -> dict[str, Any]:
        """``embeddings``: nested lists, a .npy file or null."""
        return envelope(TASK, self.image, {"embeddings": self.embedding, "predictions": []}, None)


def npy(array: npt.NDArray[Any]) -> bytes:
    """An array as a .npy file."""
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def outlines(mask: Bits) -> list[list[list[int]]]:
    """Corners [x, y] of every outline, those of most corners first; holes are outlines too."""
    found, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    corners: list[list[list[int]]] = [contour.reshape(-1, 2).astype(int).tolist() for contour in found]
    return sorted(corners, key=len, reverse=True)
