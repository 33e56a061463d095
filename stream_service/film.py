"""Video files written frame by frame: H.264 in fragmented MP4, which plays up to the last fragment after any crash."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from stream_service.picture import Pixels

TIME_BASE = Fraction(1, 90_000)
FRAGMENT_US = "1000000"


class Film:
    """One file. Frames keep their own times, so a film of a camera that stutters plays as it happened."""

    def __init__(self, path: Path, size: tuple[int, int], crf: int) -> None:
        self.path, self.size = path, size
        self._container = av.open(
            str(path),
            "w",
            "mp4",
            options={"movflags": "frag_keyframe+empty_moov", "frag_duration": FRAGMENT_US, "flush_packets": "1"},
        )
        options = {"preset": "veryfast", "tune": "zerolatency", "crf": str(crf)}
        self._stream = self._container.add_stream("libx264", rate=30, options=options)
        self._stream.width, self._stream.height = (side // 2 * 2 for side in size)  # 4:2:0 has no odd sides
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = TIME_BASE
        self._stream.codec_context.gop_size = 60
        self._stream.codec_context.thread_count = 1
        self.began: float | None = None
        self._last = -1

    def add(self, image: Pixels, seconds: float) -> None:
        """Append a frame (BGR of ``size``) of that moment. Blocks while it is encoded."""
        if self.began is None:
            self.began = seconds
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="bgr24")
        # Two frames of one moment must not share a time stamp, or the container refuses the second.
        self._last = max(self._last + 1, round((seconds - self.began) / TIME_BASE))
        frame.pts, frame.time_base = self._last, TIME_BASE
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Write what the encoder holds and finish the file."""
        try:
            self._container.mux(self._stream.encode(None))
        finally:
            self._container.close()
