"""The images of a folder, by name, each one frame."""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError
from typing_extensions import override

from shared.errors import SourceUnsupported
from shared.streams.spec import SourceSpec
from stream_service.decoding import MOST_PIXELS
from stream_service.guard import check_path
from stream_service.picture import ArrayPicture
from stream_service.settings import StreamSettings
from stream_service.source import Captured, Source, SourceInfo, SourceType

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})


class FolderSource(Source):
    """Files that are no image are passed over."""

    def __init__(self, spec: SourceSpec, settings: StreamSettings) -> None:
        self._spec = spec
        self._settings = settings
        self._paths: list[Path] = []
        self._next = 0

    @override
    def open(self) -> SourceInfo:
        folder = check_path(str(self._spec.reference), self._settings)
        self._paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
        self._next = 0
        if not self._paths:
            raise SourceUnsupported("The folder holds no images.")
        return SourceInfo(None, None, None, live=False, ends=not self._spec.loop, total_frames=len(self._paths))

    @override
    def read(self) -> Captured | None:
        tried = 0
        while tried < len(self._paths):
            if self._next >= len(self._paths):
                if not self._spec.loop:
                    return None
                self._next = 0
            path = self._paths[self._next]
            self._next += 1
            tried += 1
            picture = load(path)
            if picture is not None:
                return Captured(picture, time.monotonic())
        return None

    @override
    def close(self) -> None:
        self._paths = []


def load(path: Path) -> ArrayPicture | None:
    """The image upright, or None when it is none, or too large."""
    try:
        with Image.open(path) as header:
            if header.width * header.height > MOST_PIXELS:
                return None
        pixels = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    except (OSError, UnidentifiedImageError, ValueError, cv2.error, Image.DecompressionBombError):
        return None
    return None if pixels is None else ArrayPicture(np.asarray(pixels, np.uint8))


def accepts(reference: str | int) -> bool:
    """A path of a folder."""
    if not isinstance(reference, str) or "://" in reference.removeprefix("file://"):
        return False
    return Path(reference.removeprefix("file://")).is_dir()


SOURCE = SourceType("folder", accepts, FolderSource, rank=5, shareable=lambda _: False, reconnects=False)
