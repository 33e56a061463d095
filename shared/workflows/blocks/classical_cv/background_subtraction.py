"""What moves in front of a still background."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import cv2
import numpy as np

from shared.errors import InvalidRequest
from shared.workflows import kinds
from shared.workflows.block import STATEFUL, Block
from shared.workflows.fields import ImageRef, IntRef, StepFields
from shared.workflows.images import WorkflowImage
from shared.workflows.per_video import PerVideo
from shared.workflows.services import Services


class BackgroundSubtraction(Block):
    """A mixture of Gaussians per pixel (MOG2) learns the background of each video from the frames so far."""

    ids = ("roboflow_core/background_subtraction@v1",)
    label = "Background Subtraction"
    summary = "Show what differs from the background that earlier frames of the video had."
    category = "classical_computer_vision"
    outputs = {"image": (kinds.IMAGE,)}
    stateful = True
    restrictions = (STATEFUL,)

    class Fields(StepFields):
        """``threshold`` is a squared distance in standard deviations, ``history`` in frames. The first values count."""

        image: ImageRef
        threshold: IntRef | int = 16
        history: IntRef | int = 30

    def __init__(self, services: Services, step: str = "", init_values: Mapping[str, Any] | None = None) -> None:
        super().__init__(services, step, init_values)
        self._models: PerVideo[Any] = PerVideo(subtractor)

    def run(self, image: WorkflowImage, threshold: int, history: int) -> dict[str, Any]:
        """An image of three equal channels: 255 in front, 127 shadow, 0 background."""
        model = self._models.of(image.video_metadata, partial(subtractor, history, threshold))
        mask = model.apply(image.pixels)
        return {"image": image.replaced(np.repeat(mask[:, :, None], 3, axis=2))}


def subtractor(history: int = 30, threshold: int = 16) -> Any:
    """OpenCV's MOG2 with shadows. Raises InvalidRequest."""
    if history < 1 or threshold < 1:
        raise InvalidRequest("history and threshold must be at least 1.")
    return cv2.createBackgroundSubtractorMOG2(history=history, varThreshold=threshold, detectShadows=True)
