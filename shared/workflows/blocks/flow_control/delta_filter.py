"""Go on only when a value is another one than before."""

from __future__ import annotations

from typing import Any

import numpy as np
from typing_extensions import override

from shared.workflows.block import STATEFUL, Block, FlowControl
from shared.workflows.fields import AnyRef, ImageRef, StepFields, StepRef
from shared.workflows.images import WorkflowImage
from shared.workflows.per_video import PerVideo

NOTHING = object()


class DeltaFilter(Block):
    """Each video is compared with itself; its first value counts as a change."""

    ids = ("roboflow_core/delta_filter@v1",)
    label = "Delta Filter"
    summary = "Go on only when a value is another one than before."
    category = "flow_control"
    engine = ">=1.4.0,<2.0.0"
    stateful = True
    restrictions = (STATEFUL,)

    class Fields(StepFields):
        """The image says of which video the value is."""

        image: ImageRef
        value: AnyRef
        next_steps: list[StepRef]

    @override
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._last: PerVideo[list[Any]] = PerVideo(lambda: [NOTHING])

    def run(self, image: WorkflowImage, value: Any, next_steps: list[str]) -> FlowControl:
        """The steps when the value changed, else none."""
        with self.services.lock:
            last = self._last.of(image.video_metadata)
            changed = last[0] is NOTHING or not _same(last[0], value)
            last[0] = value
        return FlowControl(next_steps or None) if changed else FlowControl(None)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return np.array_equal(one, other)
    return bool(one == other)
