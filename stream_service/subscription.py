"""One stream's view of one camera: what the reader thread offers becomes what the event loop takes.

Of a live source the slot holds the newest frame only, so that what is taken is never old. From a file the reader waits
for room, so that nothing is lost.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter, deque

from shared.errors import VisionfleetError
from shared.streams.spec import SourceSpec
from stream_service.frame import Frame
from stream_service.gates import MotionGate, Pace
from stream_service.packets import Ring

AHEAD = 4
"""Frames of a file that are decoded ahead."""
WAIT_S = 0.2


class Subscription:
    """``offer`` is called by the reader's thread, everything else on the event loop.

    ``counts`` only grow: received, and those left out by cause. ``skip`` is the number of the last frame of a file
    that needs no processing, because it was done before a takeover. ``taps`` get the encoded packets.
    """

    def __init__(
        self, spec: SourceSpec, max_fps: float | None, index: int, counts: Counter[str] | None = None, skip: int = 0
    ) -> None:
        self.spec = spec
        self.index = index
        self.taps: list[Ring] = []
        self.counts: Counter[str] = Counter() if counts is None else counts
        self.live = True
        self.muted = False
        self.ended = False
        self.failure: VisionfleetError | None = None
        self._skip = skip
        self._pace = Pace(max_fps)
        self._motion = MotionGate(spec.motion) if spec.motion else None
        self._frames: deque[Frame] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._loop = asyncio.get_running_loop()
        self._ready = asyncio.Event()

    def offer(self, frame: Frame) -> None:
        """Take the frame, or count why not. Blocks for a file when enough is waiting."""
        self.counts["received"] += 1
        if not self.live and frame.number <= self._skip:
            return
        if self.muted and self.live:
            self.counts["muted"] += 1
            return
        if not self._pace.passes(frame.pts_s if frame.pts_s is not None else frame.captured):
            self.counts["decimated"] += 1
            return
        if self._motion is not None and not self._motion.passes(frame.picture, frame.captured):
            self.counts["motion"] += 1
            return
        self._put(frame)

    async def filled(self) -> None:
        """Wait until ``next`` would return at once."""
        while True:
            with self._changed:
                if self._frames or self.ended or self._closed:
                    return
                self._ready.clear()
            await self._ready.wait()

    async def next(self) -> Frame | None:
        """The next frame to process, or None at the end."""
        await self.filled()
        with self._changed:
            if not self._frames:
                return None
            self._changed.notify_all()
            return self._frames.popleft()

    def end(self, failure: VisionfleetError | None = None) -> None:
        """No more frames will come. For any thread."""
        with self._changed:
            self.ended, self.failure = True, failure
        self._wake()

    def close(self) -> None:
        """Nobody takes frames any more; a reader that waits for room goes on."""
        with self._changed:
            self._closed = True
            self._frames.clear()
            self._changed.notify_all()
        self._ready.set()

    def set_pace(self, max_fps: float | None) -> None:
        """Change the rate; counts from the next frame."""
        if max_fps != self._pace.max_fps:
            self._pace = Pace(max_fps)

    def _put(self, frame: Frame) -> None:
        with self._changed:
            if self.live:
                self.counts["window_full"] += len(self._frames)
                self._frames.clear()
            while len(self._frames) >= AHEAD and not self._closed and not self.live:
                self._changed.wait(WAIT_S)
            if self._closed:
                return
            self._frames.append(frame)
        self._wake()

    def _wake(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._ready.set)
