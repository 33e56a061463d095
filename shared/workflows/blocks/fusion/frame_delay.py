"""Look back at a value of an earlier frame."""

from __future__ import annotations

from collections import deque
from typing import Annotated, Any

from typing_extensions import override

from shared.errors import InvalidRequest
from shared.workflows import kinds
from shared.workflows.block import STATEFUL, Block
from shared.workflows.fields import ImageRef, IntRef, Selector, StepFields
from shared.workflows.images import WorkflowImage
from shared.workflows.per_video import PerVideo

MOST_FRAMES = 10_000


class FrameDelay(Block):
    """``offset`` frames ago, counted in runs of this step for the same video."""

    ids = ("roboflow_core/frame_delay@v1", "FrameDelay", "roboflow_core/time_travel@v1", "TimeTravel")
    label = "Frame Delay"
    summary = "Look back at a value of an earlier frame."
    category = "fusion"
    outputs = {"output": (kinds.ANY,), "is_available": (kinds.BOOLEAN,), "reference_frame_number": (kinds.INTEGER,)}
    stateful = True
    restrictions = (STATEFUL,)

    class Fields(StepFields):
        """``default_value`` stands in as long as there is no frame that old."""

        image: ImageRef
        data: Annotated[str, Selector(kinds.ANY, kinds.LIST, kinds.IMAGE, *kinds.BOXES)]
        offset: int | IntRef
        default_value: bool | int | float | str | None = None

    @override
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._frames: PerVideo[deque[tuple[int, Any]]] = PerVideo(deque)

    def run(self, image: WorkflowImage, data: Any, offset: int, default_value: Any) -> dict[str, Any]:
        """The value then, whether there is one, and the number of that frame. Raises InvalidRequest."""
        if not 0 <= offset <= MOST_FRAMES:
            raise InvalidRequest(f"offset is from 0 to {MOST_FRAMES} frames into the past, not {offset}.")
        number = image.video_metadata.frame_number
        with self.services.lock:
            frames = self._frames.of(image.video_metadata)
            frames.append((number, data))
            while len(frames) > offset + 1:
                frames.popleft()
            then = frames[0] if len(frames) == offset + 1 else None
        if then is None:
            return {"output": default_value, "is_available": False, "reference_frame_number": number - offset}
        return {"output": then[1], "is_available": True, "reference_frame_number": then[0]}
