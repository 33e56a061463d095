"""Points that can be found again in other images."""

from __future__ import annotations

from typing import Any

from shared.workflows import kinds
from shared.workflows.block import Block
from shared.workflows.fields import ImageRef, StepFields
from shared.workflows.images import WorkflowImage
from shared.workflows.vision import features
from shared.workflows.vision.pixels import grey


class Sift(Block):
    """Scale-invariant features (Lowe, 2004)."""

    ids = ("roboflow_core/sift@v1",)
    label = "SIFT"
    summary = "Find points of an image that can be found again in other ones."
    category = "classical_computer_vision"
    outputs = {"image": (kinds.IMAGE,), "keypoints": (kinds.IMAGE_KEYPOINTS,), "descriptors": (kinds.ARRAY,)}

    class Fields(StepFields):
        """The image."""

        image: ImageRef

    def run(self, image: WorkflowImage) -> dict[str, Any]:
        """The grey image with the points drawn, the points, and their descriptors [N, 128] (None without any)."""
        level = grey(image.pixels)
        found = features.sift(level)
        drawn = features.drawn(level, found)
        return {
            "image": image.replaced(drawn),
            "keypoints": features.as_dicts(found.keypoints),
            "descriptors": found.descriptors,
        }
