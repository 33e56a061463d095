"""Take the colour out of an image."""

from __future__ import annotations

from typing import Any

from shared.workflows import kinds
from shared.workflows.block import Block
from shared.workflows.fields import ImageRef, StepFields
from shared.workflows.images import WorkflowImage
from shared.workflows.vision.pixels import grey


class ConvertGrayscale(Block):
    """The answer has one channel: Rec. 601 luma, 0.299 R + 0.587 G + 0.114 B."""

    ids = ("roboflow_core/convert_grayscale@v1",)
    label = "Image Convert Grayscale"
    summary = "Turn an image into shades of grey."
    category = "classical_computer_vision"
    outputs = {"image": (kinds.IMAGE,)}

    class Fields(StepFields):
        """The image."""

        image: ImageRef

    def run(self, image: WorkflowImage) -> dict[str, Any]:
        """The grey image [H, W]."""
        return {"image": image.replaced(grey(image.pixels).copy())}
