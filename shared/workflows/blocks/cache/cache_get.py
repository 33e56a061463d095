"""Recall a value that another step, or this one's peers at an earlier frame, remembered."""

from __future__ import annotations

from typing import Any

from shared.workflows import kinds
from shared.workflows.block import STATEFUL, Block
from shared.workflows.blocks.cache.cache_set import place
from shared.workflows.fields import ImageRef, StepFields, StrRef
from shared.workflows.images import WorkflowImage


class CacheGet(Block):
    """Of the same video and session."""

    ids = ("roboflow_core/cache_get@v1",)
    label = "Cache Get"
    summary = "Recall a value that was remembered under a name."
    category = "fusion"
    outputs = {"output": (kinds.ANY,)}
    stateful = True
    restrictions = (STATEFUL,)

    class Fields(StepFields):
        """The image says of which video."""

        image: ImageRef
        key: StrRef | str

    def run(self, image: WorkflowImage, key: str) -> dict[str, Any]:
        """The value, or None when there is none."""
        with self.services.lock:
            return {"output": self.services.memory.get(place(image, key))}
