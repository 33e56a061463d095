"""One decoded frame. It stays as the decoder left it until somebody needs pixels or a JPEG, which are made once.

Scaling happens in YUV, before any conversion: for a model of 640 pixels a 1080p frame costs a quarter of what
converting, resizing and encoding it in BGR would (bench/streams).
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import av
import cv2
import numpy as np
import numpy.typing as npt
import simplejpeg
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from typing_extensions import override

Pixels = npt.NDArray[np.uint8]
EVEN = 2
_OF_THREAD = threading.local()


class Jpeg(NamedTuple):
    """An encoded frame and its size in pixels."""

    data: bytes
    width: int
    height: int


class Picture(ABC):
    """A frame of ``width`` x ``height`` pixels. Safe to use from several threads, which take turns."""

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height
        self._lock = threading.RLock()
        self._bgr: Pixels | None = None
        self._jpegs: dict[tuple[int, int], Jpeg] = {}

    def bgr(self) -> Pixels:
        """The frame at full size: [height, width, 3] BGR. Made once; treat it as read-only."""
        with self._lock:
            if self._bgr is None:
                self._bgr = self._to_bgr()
            return self._bgr

    def jpeg(self, quality: int = 92, longest: int = 0) -> Jpeg:
        """The frame as JPEG, its longer side at most ``longest`` pixels (0: full size), aspect kept."""
        with self._lock:
            if (quality, longest) not in self._jpegs:
                self._jpegs[quality, longest] = self._to_jpeg(quality, *self.fitted(longest))
            return self._jpegs[quality, longest]

    def grey(self, width: int, height: int) -> Pixels:
        """The frame's brightness at this size: [height, width]."""
        with self._lock:
            return self._to_grey(width, height)

    def fitted(self, longest: int) -> tuple[int, int]:
        """Width and height when the longer side is at most ``longest`` pixels; never larger than the frame."""
        if not 0 < longest < max(self.width, self.height):
            return self.width, self.height
        scale = longest / max(self.width, self.height)
        return max(EVEN, round(self.width * scale)), max(EVEN, round(self.height * scale))

    @property
    @abstractmethod
    def bytes(self) -> int:
        """Memory that the frame holds, roughly."""

    @abstractmethod
    def _to_bgr(self) -> Pixels: ...

    @abstractmethod
    def _to_jpeg(self, quality: int, width: int, height: int) -> Jpeg: ...

    @abstractmethod
    def _to_grey(self, width: int, height: int) -> Pixels: ...


class VideoPicture(Picture):
    """A frame of PyAV's. Two threads in one frame's scaler hang it (measured), hence the lock of the base."""

    def __init__(self, frame: av.VideoFrame) -> None:
        super().__init__(frame.width, frame.height)
        self._frame = frame
        # JFIF is BT.601, HD video BT.709: without this reds and greens shift.
        self._colours: dict[str, Any] = {}
        if frame.colorspace == Colorspace.ITU709:
            self._colours = {"src_colorspace": Colorspace.ITU709, "dst_colorspace": Colorspace.ITU601}

    @property
    @override
    def bytes(self) -> int:
        return self.width * self.height * 3 // 2 + (self._bgr.nbytes if self._bgr is not None else 0)

    @override
    def _to_bgr(self) -> Pixels:
        return self._frame.to_ndarray(format="bgr24").astype(np.uint8, copy=False)

    @override
    def _to_jpeg(self, quality: int, width: int, height: int) -> Jpeg:
        how = {"interpolation": "AREA", "dst_color_range": ColorRange.JPEG, **self._colours}
        which = "converting" if self._colours else "plain"
        scaled = scaler(which).reformat(self._frame, width, height, "yuvj420p", **how)
        y, u, v = (_plane(plane) for plane in scaled.planes)
        data = simplejpeg.encode_jpeg_yuv_planes(y, u, v, quality, fastdct=True)
        return Jpeg(bytes(data), width, height)

    @override
    def _to_grey(self, width: int, height: int) -> Pixels:
        scaled = scaler("grey").reformat(self._frame, width, height, "gray", interpolation="AREA")
        return scaled.to_ndarray().astype(np.uint8, copy=False)


class ArrayPicture(Picture):
    """A frame that came as BGR pixels: of a camera device or an image file."""

    def __init__(self, pixels: Pixels) -> None:
        super().__init__(pixels.shape[1], pixels.shape[0])
        self._bgr = pixels

    @property
    @override
    def bytes(self) -> int:
        return self.width * self.height * 3

    @override
    def _to_bgr(self) -> Pixels:
        assert self._bgr is not None  # noqa: S101 - set by __init__
        return self._bgr

    @override
    def _to_jpeg(self, quality: int, width: int, height: int) -> Jpeg:
        data = simplejpeg.encode_jpeg(
            np.ascontiguousarray(self._resized(width, height)), quality, "BGR", "420", fastdct=True
        )
        return Jpeg(bytes(data), width, height)

    @override
    def _to_grey(self, width: int, height: int) -> Pixels:
        return np.asarray(cv2.cvtColor(self._resized(width, height), cv2.COLOR_BGR2GRAY), np.uint8)

    def _resized(self, width: int, height: int) -> Pixels:
        if (width, height) == (self.width, self.height):
            return self.bgr()
        return np.asarray(cv2.resize(self.bgr(), (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def scaler(which: str) -> VideoReformatter:
    """This thread's own for one kind of use. It keeps its tables, and what was said of colours, from frame to frame;
    a frame's own would make them anew each time, for 1 ms.
    """
    found: VideoReformatter | None = getattr(_OF_THREAD, which, None)
    if found is None:
        found = VideoReformatter()
        setattr(_OF_THREAD, which, found)
    return found


def _plane(plane: Any) -> Pixels:
    """A plane without the padding of its lines."""
    lines = np.frombuffer(plane, np.uint8)[: plane.line_size * plane.height].reshape(plane.height, plane.line_size)
    return np.ascontiguousarray(lines[:, : plane.width])
