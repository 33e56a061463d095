"""Remember the last frames of a video."""

from __future__ import annotations

from collections import deque
from typing import Any

import cv2
import numpy as np
from typing_extensions import override

from shared.errors import InvalidRequest
from shared.workflows import kinds
from shared.workflows.block import STATEFUL, Block
from shared.workflows.fields import BoolRef, ImageRef, IntRef, StepFields
from shared.workflows.images import WorkflowImage
from shared.workflows.per_video import PerVideo

MOST_FRAMES = 1000
QUALITY = 90  # JPEG: a stack is looked at, not measured


class ImageStack(Block):
    """As JPEG within the resolution, so that long stacks stay small; the oldest is first."""

    ids = ("roboflow_core/image_stack@v1",)
    label = "Image Stack"
    summary = "Remember the last frames of a video."
    category = "fusion"
    outputs = {"frames": (kinds.LIST,), "frames_count": (kinds.INTEGER,)}
    stateful = True
    restrictions = (STATEFUL,)

    class Fields(StepFields):
        """``clear`` forgets the frames before this one is taken in."""

        image: ImageRef
        stack_size: int | IntRef = 10
        resolution_width: int | IntRef = 1920
        resolution_height: int | IntRef = 1080
        clear: bool | BoolRef = False

    @override
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._frames: PerVideo[deque[WorkflowImage]] = PerVideo(deque)

    def run(
        self, image: WorkflowImage, stack_size: int, resolution_width: int, resolution_height: int, clear: bool
    ) -> dict[str, Any]:
        """The frames as images, and how many there are. Raises InvalidRequest."""
        if not 1 <= stack_size <= MOST_FRAMES or min(resolution_width, resolution_height) < 1:
            raise InvalidRequest(f"stack_size is from 1 to {MOST_FRAMES}, and the resolution at least 1 x 1.")
        kept = _compressed(image, resolution_width, resolution_height)
        with self.services.lock:
            frames = self._frames.of(image.video_metadata)
            if clear:
                frames.clear()
            frames.append(kept)
            while len(frames) > stack_size:
                frames.popleft()
            stack = list(frames)
        return {"frames": stack, "frames_count": len(stack)}


def _compressed(image: WorkflowImage, width: int, height: int) -> WorkflowImage:
    scale = min(width / image.size[0], height / image.size[1], 1.0)
    shown = image
    if scale < 1:
        size = (max(round(image.size[0] * scale), 1), max(round(image.size[1] * scale), 1))
        shown = image.replaced(np.asarray(cv2.resize(image.pixels, size, interpolation=cv2.INTER_AREA), np.uint8))
    return WorkflowImage(image.parent_metadata, encoded=shown.jpeg(QUALITY), video=image.video_metadata)
