"""Cut the same part out of every image, in pixels."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from shared.workflows import kinds
from shared.workflows.batch import Batch
from shared.workflows.block import Block
from shared.workflows.fields import ImageRef, IntRef, StepFields
from shared.workflows.images import WorkflowImage


class AbsoluteStaticCrop(Block):
    """What lies outside of the image is left out; a part without area gives None."""

    ids = ("roboflow_core/absolute_static_crop@v1", "AbsoluteStaticCrop")
    label = "Absolute Static Crop"
    summary = "Cut a part out of the image, given in pixels."
    category = "transformation"
    outputs = {"crops": (kinds.IMAGE,)}
    batch = ("images",)

    class Fields(StepFields):
        """Centre and size in pixels."""

        images: ImageRef
        x_center: int | IntRef
        y_center: int | IntRef
        width: int | IntRef
        height: int | IntRef

    def run(
        self, images: Batch[WorkflowImage], x_center: int, y_center: int, width: int, height: int
    ) -> list[dict[str, Any]]:
        """A crop per image."""
        return [{"crops": cut(image, (x_center, y_center), (width, height), "absolute")} for image in images]


def cut(
    image: WorkflowImage, centre: tuple[float, float], size: tuple[float, float], kind: str
) -> WorkflowImage | None:
    """The part around a centre in pixels, or None without area; ``kind`` goes into the crop's id."""
    wide, high = image.size
    x0, y0 = round(centre[0] - size[0] / 2), round(centre[1] - size[1] / 2)
    x1, y1 = min(wide, round(x0 + size[0])), min(high, round(y0 + size[1]))
    x0, y0 = max(0, x0), max(0, y0)
    if x1 <= x0 or y1 <= y0:
        return None
    return image.crop(x0, y0, x1, y1, f"{kind}_static_crop.{uuid4()}")
