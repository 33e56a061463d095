"""Remember a value for other steps and later frames."""

from __future__ import annotations

from typing import Annotated, Any

from shared.workflows import kinds
from shared.workflows.block import STATEFUL, Block
from shared.workflows.fields import ImageRef, Selector, StepFields, StrRef
from shared.workflows.images import WorkflowImage

MEMORY = "cache"


def place(image: WorkflowImage, key: str) -> tuple[str, str]:
    """Where the session keeps a video's value."""
    return f"{MEMORY}:{image.video_metadata.video_identifier}", key


class CacheSet(Block):
    """Kept as long as the session, for each video by itself."""

    ids = ("roboflow_core/cache_set@v1",)
    label = "Cache Set"
    summary = "Remember a value under a name."
    category = "fusion"
    outputs = {"output": (kinds.ANY,)}
    stateful = True
    restrictions = (STATEFUL,)

    class Fields(StepFields):
        """The image says of which video; ``value`` is anything."""

        image: ImageRef
        key: StrRef | str
        value: Annotated[str, Selector(kinds.ANY, kinds.LIST)]

    def run(self, image: WorkflowImage, key: str, value: Any) -> dict[str, Any]:
        """The value itself."""
        with self.services.lock:
            self.services.memory[place(image, key)] = value
        return {"output": value}
