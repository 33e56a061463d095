"""Go on at most once in so many seconds."""

from __future__ import annotations

from typing import Any

from shared.workflows.block import STATEFUL, Block, FlowControl
from shared.workflows.fields import AnyRef, ImageRef, StepFields, StepRef
from shared.workflows.images import WorkflowImage


class RateLimiter(Block):
    """Seconds are those of the clock; with a frame of a video file, those of the video."""

    ids = ("roboflow_core/rate_limiter@v1",)
    label = "Rate Limiter"
    summary = "Go on at most once in so many seconds."
    category = "flow_control"
    stateful = True
    restrictions = (STATEFUL,)

    class Fields(StepFields):
        """``depends_on`` says after which step this one stands; its value is not looked at."""

        cooldown_seconds: float = 1.0
        depends_on: AnyRef
        next_steps: list[StepRef]
        video_reference_image: ImageRef | None = None

    _last: float | None = None

    def run(
        self,
        cooldown_seconds: float,
        depends_on: Any,
        next_steps: list[str],
        video_reference_image: WorkflowImage | None,
    ) -> FlowControl:
        """The steps when the cooldown is over, else none."""
        del depends_on
        with self.services.lock:
            now = self._now(video_reference_image)
            if self._last is not None and 0 <= now - self._last < cooldown_seconds:
                return FlowControl(None)
            self._last = now
        return FlowControl(next_steps or None)

    def _now(self, image: WorkflowImage | None) -> float:
        video = image.video_metadata if image is not None else None
        if video is not None and video.comes_from_video_file and video.fps:
            return video.frame_number / video.fps
        return self.services.monotonic()
