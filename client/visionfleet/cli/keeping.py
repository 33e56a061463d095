"""Annotated copies: pictures as JPEG files, frames as videos."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from typing_extensions import Self

from visionfleet import Result
from visionfleet.cli.pictures import Picture
from visionfleet.errors import BadAnswer, NotInstalled

FRAMES_PER_SECOND = 25.0


class Keeper:
    """Writes what comes below one folder; a context manager, because videos have an end."""

    def __init__(self, folder: Path, frames_per_second: float = FRAMES_PER_SECOND) -> None:
        """Make the folder. Raises OSError."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._rate = frames_per_second
        self._videos: dict[Path, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for writer in self._videos.values():
            writer.release()

    def keep(self, picture: Picture, result: Result) -> Path | None:
        """Write the annotated picture where it belongs, when one came."""
        if result.visualization is None:
            return None
        path = self._folder / picture.place
        path.parent.mkdir(parents=True, exist_ok=True)
        if picture.frame is None:
            return result.save(path)
        self._add_frame(path, result.visualization)
        return path

    def _add_frame(self, path: Path, jpeg: bytes) -> None:
        try:
            import cv2  # noqa: PLC0415 - optional: only videos need it
            import numpy as np  # noqa: PLC0415 - comes with it
        except ImportError:
            raise NotInstalled('Videos need OpenCV: pip install "visionfleet[video]".') from None
        pixels = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        if pixels is None:
            raise BadAnswer("The server sent an annotated frame that cannot be decoded.")
        if path not in self._videos:
            size = (pixels.shape[1], pixels.shape[0])
            self._videos[path] = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), self._rate, size)
        self._videos[path].write(pixels)
