"""Pictures in and out of a peer connection."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from fractions import Fraction
from typing import Any

import av
import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from typing_extensions import override

from stream_service.frame import Frame
from stream_service.picture import Pixels, VideoPicture
from stream_service.subscription import Subscription
from stream_service.webrtc.messages import CLOCK


class Outgoing(MediaStreamTrack):
    """The video track to the client. Sends the newest picture, or each when none may be lost."""

    kind = "video"

    def __init__(self, *, every: bool) -> None:
        super().__init__()
        self._pictures: asyncio.Queue[tuple[Pixels, int]] = asyncio.Queue(8 if every else 1)
        self._every = every

    async def show(self, pixels: Pixels, pts: int) -> None:
        """Hand over the picture (BGR) of that time, in ticks of 1/90000 s since the session's first."""
        if self._every:
            await self._pictures.put((pixels, pts))
            return
        if self._pictures.full():
            self._pictures.get_nowait()
        self._pictures.put_nowait((pixels, pts))

    @override
    async def recv(self) -> av.VideoFrame:
        if self.readyState != "live":
            raise MediaStreamError
        pixels, pts = await self._pictures.get()
        height, width = (side // 2 * 2 for side in pixels.shape[:2])  # encoders want even sides
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels[:height, :width]), format="bgr24")
        frame.pts, frame.time_base = pts, Fraction(1, CLOCK)
        return frame


class Incoming:
    """Stands for a camera: reads the client's track into a subscription."""

    def __init__(self, subscription: Subscription) -> None:
        self.state = "connecting"
        self.first = asyncio.Event()
        self._subscription = subscription
        self._number = 0
        self._arrivals: deque[float] = deque(maxlen=120)

    async def read(self, track: Any) -> None:
        """Read until the track ends."""
        subscription = self._subscription
        try:
            while True:
                received = await track.recv()
                self._number += 1
                now = time.monotonic()
                self._arrivals.append(now)
                self.state = "running"
                pts_s = float(received.pts * received.time_base) if received.pts is not None else None
                picture = VideoPicture(received)
                frame = Frame(
                    subscription.spec.id, subscription.index, self._number, 1, now, time.time(), pts_s, picture
                )
                if subscription.live:
                    subscription.offer(frame)
                else:
                    await asyncio.to_thread(subscription.offer, frame)
        except MediaStreamError:
            pass
        finally:
            self.state = "ended"
            subscription.end()

    def report(self, now: float) -> dict[str, Any]:
        """As a camera's."""
        recent = [at for at in self._arrivals if now - at <= 5.0]
        return {"state": self.state, "live": self._subscription.live, "fps": round(len(recent) / 5.0, 2)}
