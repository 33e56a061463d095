"""What the original YOLOv5 and YOLOv7 share: rows of box, objectness and classes.

Their own ``scale_boxes`` undoes the letterbox with the ratio before rounding and half pixels of border, which misplaces
boxes by up to a pixel of the input (many pixels of a large source). Ultralytics has repaired that since. The recordings
use the repaired function: what is compared is where an object is, not where a rounding error puts it.
"""

from __future__ import annotations

from typing import Any, Protocol

import cv2
import numpy as np
import torch
from ultralytics.utils import ops

from tests.parity import golden
from tests.parity.drawing import LABELS
from tests.parity.reference import record, scenes

SIZE = 160
BATCH = 8
INPUT = {"width": SIZE, "height": SIZE, "resize": "letterbox", "pad": 114, "channels": "rgb", "scale": 1 / 255}
MANIFEST = {"task": "object-detection", "labels": list(LABELS), "input": INPUT}


class Suppress(Protocol):
    """``non_max_suppression`` of the package: per picture [n, 6 + masks] corners, score, class, coefficients."""

    def __call__(self, prediction: torch.Tensor, conf_thres: float, iou_thres: float, *, agnostic: bool) -> list[Any]:
        """Boxes that stay."""
        ...


def targets(batch: list[scenes.Sample]) -> torch.Tensor:
    """[n, 6] picture, class, centre box relative to the input."""
    return torch.cat([scenes.owners(batch)[:, None], scenes.class_ids(batch), scenes.centre_boxes(batch)], 1)


def load(picture: str, letterbox: Any) -> tuple[np.ndarray, np.ndarray]:
    """The file as the package's loader reads it, and the tensor [3, S, S] that it makes of it."""
    image = cv2.imread(record.path_of(picture))
    square = letterbox(image, SIZE, stride=32, auto=False)[0]
    tensor = np.ascontiguousarray(square.transpose(2, 0, 1)[::-1]).astype(np.float32) / 255
    return image, tensor


def answers(
    prediction: torch.Tensor,
    shape: tuple[int, ...],
    suppress: Suppress,
    settings: list[dict[str, Any]],
    protos: torch.Tensor | None = None,
) -> list[golden.Arrays]:
    """One answer for each setting.

    Args:
        prediction: [1, N, 5 + classes (+ 32)].
        shape: of the source picture.
        suppress: the package's own.
        settings: thresholds.
        protos: [32, h, w] of a segmenter.
    """
    found = []
    for setting in settings:
        agnostic = setting.get("class_agnostic_nms", False)
        (rows,) = suppress(prediction.clone(), setting["confidence"], setting["iou_threshold"], agnostic=agnostic)
        boxes = ops.scale_boxes((SIZE, SIZE), rows[:, :4].clone(), shape)
        answer = {
            "boxes": boxes.numpy(),
            "scores": rows[:, 4].numpy(),
            "classes": rows[:, 5].numpy().astype(np.int16),
        }
        if protos is not None:
            golden.put(answer, "masks", golden.pack_masks(cut_masks(protos, rows[:, 6:], boxes, shape)))
        found.append(answer)
    return found


def cut_masks(protos: torch.Tensor, weights: torch.Tensor, boxes: torch.Tensor, shape: tuple[int, ...]) -> np.ndarray:
    """Masks [n, H, W] as the original's ``process_mask_native``: probabilities are interpolated, then cut.

    Newer versions take logits. The original cuts the letterbox's border off in whole cells of the prototypes, up to 4
    pixels of the input away from where it is; here each source pixel looks where the letterbox has put it.
    """
    if not len(weights):
        return np.zeros((0, *shape[:2]), np.uint8)
    cells = (weights @ protos.flatten(1)).sigmoid().view(-1, *protos.shape[1:])
    height, width = shape[:2]
    gain = min(SIZE / height, SIZE / width)
    places = []
    for side in (width, height):
        inner = max(1, round(side * gain))
        start = round((SIZE - inner) / 2 - 0.1)
        pixels = (torch.arange(side) + 0.5) * (inner / side) + start
        # The original cuts the border off before it interpolates: where it ends between two cells, none of it comes in.
        step = SIZE / protos.shape[-1]
        low = start + step / 2 if start % step == 0 else 0
        high = start + inner - step / 2 if (start + inner) % step == 0 else SIZE
        places.append(pixels.clamp(low, max(low, high)) / SIZE * 2 - 1)
    x, y = torch.meshgrid(places[0], places[1], indexing="xy")
    grid = torch.stack([x, y], -1)[None]
    spread = torch.nn.functional.grid_sample(cells[None], grid, padding_mode="border", align_corners=False)
    return ops.crop_mask(spread[0].gt(0.5).byte(), boxes).numpy()


def strong(prediction: np.ndarray, settings: list[dict[str, Any]]) -> np.ndarray:
    """[N] which rows of [N, 5 + classes ...] may pass a threshold, of the objectness alone with the former overlap."""
    return prediction[:, 4] >= record.faintest(settings)


def coefficients(output: np.ndarray, suppress: Suppress, settings: list[dict[str, Any]]) -> np.ndarray:
    """[n, 32] mask weights of all boxes [N, 5 + classes + 32] that some setting keeps."""
    kept = [
        suppress(
            torch.from_numpy(output[None].copy()),
            setting["confidence"],
            setting["iou_threshold"],
            agnostic=setting.get("class_agnostic_nms", False),
        )[0][:, 6:].numpy()
        for setting in settings
    ]
    return np.unique(np.concatenate(kept), axis=0)
