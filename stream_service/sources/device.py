"""Cameras at this machine: V4L2 on Linux, whatever OpenCV knows elsewhere."""

from __future__ import annotations

import re
import sys
import time
from typing import Any

import cv2
import numpy as np
from typing_extensions import override

from shared.errors import SourceNotFound, SourceRefused, SourceUnreachable, SourceUnsupported
from shared.streams.spec import SourceSpec
from stream_service.picture import ArrayPicture
from stream_service.settings import StreamSettings
from stream_service.source import Captured, Source, SourceInfo, SourceType

DEVICE = re.compile(r"(?:/dev/video)?(\d{1,3})")


class DeviceSource(Source):
    """A camera device by number."""

    def __init__(self, spec: SourceSpec, settings: StreamSettings) -> None:
        self._spec = spec
        self._settings = settings
        self._capture: Any = None

    @override
    def open(self) -> SourceInfo:
        if not self._settings.stream_devices:
            raise SourceRefused("Camera devices of this server may not be opened (VISIONFLEET_STREAM_DEVICES).")
        number = DEVICE.fullmatch(str(self._spec.reference))
        assert number is not None  # noqa: S101 - accepts() saw to it
        backend = cv2.CAP_V4L2 if sys.platform == "linux" else cv2.CAP_ANY
        self._capture = cv2.VideoCapture(int(number[1]), backend)
        if not self._capture.isOpened():
            raise SourceNotFound(f"There is no camera device {number[1]}, or another program uses it.")
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        for name, value in self._spec.properties.items():
            self._capture.set(property_of(name), value)
        width, height, fps = (
            self._capture.get(what) for what in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FPS)
        )
        return SourceInfo(int(width) or None, int(height) or None, float(fps) or None, live=True, ends=False)

    @override
    def read(self) -> Captured | None:
        there, pixels = self._capture.read()
        if not there:
            raise SourceUnreachable("The camera device gives no more frames; was it unplugged?")
        return Captured(ArrayPicture(np.asarray(pixels, np.uint8)), time.monotonic())

    @override
    def close(self) -> None:
        if self._capture is not None:
            self._capture.release()
            self._capture = None


def property_of(name: str) -> int:
    """OpenCV's number of a property such as ``frame_width``. Raises SourceUnsupported."""
    number = getattr(cv2, f"CAP_PROP_{name.upper()}", None)
    if not isinstance(number, int):
        raise SourceUnsupported(f"Camera devices have no property {name!r}.")
    return number


def accepts(reference: str | int) -> bool:
    """A number, or /dev/video and a number."""
    return DEVICE.fullmatch(str(reference)) is not None


SOURCE = SourceType("device", accepts, DeviceSource)
