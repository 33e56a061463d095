"""What keeps a frame from being processed although it was read: its rate, and stillness."""

from __future__ import annotations

import math

import numpy as np

from shared.streams.spec import MotionSpec
from stream_service.picture import Picture, Pixels

GRID_SLACK = 1e-3
MOTION_WIDTH, MOTION_HEIGHT = 160, 90


class Pace:
    """At most ``max_fps`` frames per second, chosen on a grid of the source's own time.

    A grid, because a minimal distance would turn 30 frames/s with a limit of 20 into 15. Times in seconds.
    """

    def __init__(self, max_fps: float | None) -> None:
        self.max_fps = max_fps
        self._last: int | None = None

    def passes(self, at_s: float) -> bool:
        """Whether the frame of that moment is one to process."""
        if self.max_fps is None:
            return True
        slot = math.floor(at_s * self.max_fps + GRID_SLACK)
        if self._last is not None and slot == self._last:
            return False
        self._last = slot
        return True


class MotionGate:
    """Passes frames in which enough pixels changed since the last look, and one every ``keep_alive_s``."""

    def __init__(self, spec: MotionSpec) -> None:
        self._spec = spec
        self._before: Pixels | None = None
        self._passed_s = float("-inf")

    def passes(self, picture: Picture, now_s: float) -> bool:
        """Whether the frame is one to process; ``now_s`` is monotonic seconds."""
        grey = picture.grey(MOTION_WIDTH, MOTION_HEIGHT)
        before, self._before = self._before, grey
        moved = True
        if before is not None:
            # Differences of bytes without a wider type: max - min never wraps.
            difference = np.maximum(grey, before) - np.minimum(grey, before)
            moved = bool(np.count_nonzero(difference >= self._spec.threshold) >= self._spec.area * grey.size)
        if not moved and now_s - self._passed_s < self._spec.keep_alive_s:
            return False
        self._passed_s = now_s
        return True
