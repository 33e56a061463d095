"""Cut the same part out of every image, in shares of its size."""

from __future__ import annotations

from typing import Any

from shared.workflows import kinds
from shared.workflows.batch import Batch
from shared.workflows.block import Block
from shared.workflows.blocks.transformations.absolute_static_crop import cut
from shared.workflows.fields import FractionRef, ImageRef, StepFields
from shared.workflows.images import WorkflowImage


class RelativeStaticCrop(Block):
    """Shares are rounded to pixels first. What lies outside is left out; a part without area gives None."""

    ids = ("roboflow_core/relative_statoic_crop@v1", "RelativeStaticCrop")
    label = "Relative Static Crop"
    summary = "Cut a part out of the image, given in shares of its width and height."
    category = "transformation"
    outputs = {"crops": (kinds.IMAGE,)}
    batch = ("images",)

    class Fields(StepFields):
        """Centre and size from 0 to 1."""

        images: ImageRef
        x_center: float | FractionRef
        y_center: float | FractionRef
        width: float | FractionRef
        height: float | FractionRef

    def run(
        self, images: Batch[WorkflowImage], x_center: float, y_center: float, width: float, height: float
    ) -> list[dict[str, Any]]:
        """A crop per image."""
        crops = []
        for image in images:
            wide, high = image.size
            centre = round(wide * x_center), round(high * y_center)
            crops.append({"crops": cut(image, centre, (round(wide * width), round(high * height)), "relative")})
        return crops
