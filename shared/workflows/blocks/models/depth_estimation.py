"""Say how near each pixel is."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import Field

from shared.workflows import kinds
from shared.workflows.batch import Batch
from shared.workflows.block import Block
from shared.workflows.fields import ImageRef, StepFields, StrRef
from shared.workflows.images import WorkflowImage
from shared.workflows.models import ModelCall

PARAMS = {"depth_map_format": "png16", "visualize": True, "visualization_format": "png"}


class DepthEstimation(Block):
    """``normalized_depth`` is float32 [height, width] in 0..1, 1 the nearest pixel; ``image`` the map in colours."""

    ids = ("roboflow_core/depth_estimation@v1",)
    category = "model"
    label = "Depth Estimation"
    summary = "Say how near each pixel is, relative to the rest of the image."
    batch = ("images",)
    outputs = {"image": (kinds.IMAGE,), "normalized_depth": (kinds.ARRAY,)}

    class Fields(StepFields):
        """The image, and the id of a model that estimates depth."""

        images: ImageRef
        model_version: str | StrRef = "depth-anything-v3/small"
        hardware: str | None = Field(None, pattern=r"^[a-z0-9_-]{1,32}$", description="Where to run it; else anywhere.")

    def run(
        self, images: Batch[WorkflowImage], model_version: str, hardware: str | None = None
    ) -> list[dict[str, Any]]:
        """One map per image."""
        answers = self.services.models.infer(
            ModelCall(model_version, list(images), "depth-estimation", PARAMS, hardware)
        )
        return [_outputs(answer, image) for answer, image in zip(answers, images, strict=True)]


def _outputs(answer: dict[str, Any], image: WorkflowImage) -> dict[str, Any]:
    picture = cv2.imdecode(np.frombuffer(answer["visualization"], np.uint8), cv2.IMREAD_COLOR)
    return {
        "image": image.replaced(np.asarray(picture, np.uint8)),
        "normalized_depth": nearness_of(answer["normalized_depth"]),
    }


def nearness_of(text: str) -> npt.NDArray[np.float32]:
    """A PNG of 16 bits in base64 as numbers in 0..1."""
    values = cv2.imdecode(np.frombuffer(b64decode(text), np.uint8), cv2.IMREAD_UNCHANGED)
    nearness: npt.NDArray[np.float32] = np.asarray(values, np.float32) / np.float32(65535)
    return nearness
