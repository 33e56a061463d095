"""Cut each detection out of its image."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import uuid4

import numpy as np
import supervision as sv

from shared.workflows import kinds
from shared.workflows.batch import Batch
from shared.workflows.block import Block
from shared.workflows.colors import bgr
from shared.workflows.detections import DETECTION_ID, in_crops
from shared.workflows.fields import BoxesRef, FractionRef, ImageRef, Selector, StepFields, StrRef
from shared.workflows.images import Pixels, WorkflowImage


class DynamicCrop(Block):
    """One crop per box; with a mask, what lies outside it can be covered by a colour."""

    ids = ("roboflow_core/dynamic_crop@v1", "DynamicCrop", "Crop")
    label = "Dynamic Crop"
    summary = "Cut each detection out of its image."
    category = "transformation"
    outputs = {"crops": (kinds.IMAGE,), "predictions": kinds.BOXES}
    aliases = {"detections": "predictions"}
    batch = ("images", "predictions")
    output_offset = 1

    class Fields(StepFields):
        """``mask_opacity`` 0 leaves what is around the object, 1 covers it by the background colour."""

        images: ImageRef
        predictions: BoxesRef
        mask_opacity: FractionRef | float = 0.0
        background_color: StrRef | Annotated[str, Selector(kinds.COLOR)] | str | list[Any] = [0, 0, 0]

    def run(
        self,
        images: Batch[WorkflowImage],
        predictions: Batch[sv.Detections],
        mask_opacity: float,
        background_color: str | list[Any],
    ) -> list[list[dict[str, Any]]]:
        """A list of crops per image; boxes of no area inside the image give an empty place."""
        cover = (mask_opacity, bgr(background_color))
        return [_crops(image, found, *cover) for image, found in zip(images, predictions, strict=True)]


def _crops(
    image: WorkflowImage, found: sv.Detections, opacity: float, color: tuple[int, int, int]
) -> list[dict[str, Any]]:
    width, height = image.size
    boxes = found.xyxy.round().astype(int).clip([0, 0, 0, 0], [width, height, width, height])
    names = found.data.get(DETECTION_ID, [])
    inside = np.flatnonzero((boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])).tolist()
    crops: list[WorkflowImage] = []
    for i in inside:
        x0, y0, x1, y1 = boxes[i].tolist()
        part = image.pixels[y0:y1, x0:x1]
        if opacity and found.mask is not None:
            part = _covered(part, np.asarray(found.mask)[i, y0:y1, x0:x1], opacity, color)
        crops.append(image.crop(x0, y0, x1, y1, str(names[i]) if len(names) else str(uuid4()), part))
    alone = in_crops(found, inside, crops)
    made = {i: {"crops": crop, "predictions": one} for i, crop, one in zip(inside, crops, alone, strict=True)}
    return [made.get(i, {"crops": None, "predictions": None}) for i in range(len(found))]


def _covered(part: Pixels, mask: Any, opacity: float, color: tuple[int, int, int]) -> Pixels:
    covered: Pixels = np.array(part)
    outside = ~mask.astype(bool)
    blended = part[outside] * (1 - opacity) + np.array(color) * opacity
    covered[outside] = blended.round().astype(np.uint8)
    return covered
