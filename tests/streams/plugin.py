"""A workflow plug-in as another package would bring it: it counts the frames of its session."""

from __future__ import annotations

from typing import Any

from shared.workflows import kinds
from shared.workflows.block import Block
from shared.workflows.fields import ImageRef, StepFields
from shared.workflows.images import WorkflowImage


class FrameCounter(Block):
    """Tells how many frames it has seen, and how wide the last one was."""

    ids = ("streams_test/frame_counter@v1",)
    label = "Frame Counter"
    summary = "Count frames."
    category = "analytics"
    outputs = {"frames": (kinds.INTEGER,), "width": (kinds.INTEGER,)}
    stateful = True

    class Fields(StepFields):
        image: ImageRef

    _frames = 0

    def run(self, image: WorkflowImage) -> dict[str, Any]:
        self._frames += 1
        return {"frames": self._frames, "width": image.size[0]}
