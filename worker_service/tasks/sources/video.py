"""Frames of a video file, every n-th, as JPEG files."""

from __future__ import annotations

import asyncio
from pathlib import Path

import cv2

from shared.batches.settings import BatchSettings
from shared.errors import ImageTooLarge, InvalidRequest, TooLarge

JPEG_QUALITY = 95
MAX_PIXELS = 64 * 1024 * 1024
# Containers that are read. Playlists and other files that name further files or addresses are none of them.
MAGIC = (
    (4, b"ftyp"),  # mp4, mov: ISO/IEC 14496-12
    (0, b"\x1a\x45\xdf\xa3"),  # matroska, webm: RFC 8794
    (8, b"AVI "),  # RIFF
)


class VideoSource:
    """The item of index i is frame i * every. Frames are read forward only, so that indexes stay exact."""

    readers = 1

    def __init__(self, path: Path, every: int, settings: BatchSettings) -> None:
        self._path = path
        self._every = every
        self._settings = settings
        self._capture: cv2.VideoCapture | None = None
        self._at = 0

    async def plan(self) -> list[str] | None:
        """Only reading shows how many frames there really are; here the file is looked at."""
        await asyncio.to_thread(self._open)
        return None

    async def read(self, index: int, name: str) -> bytes | None:
        """One frame, or None after the last."""
        del name
        return await asyncio.to_thread(self._read, index)

    async def close(self) -> None:
        """Close the file."""
        if self._capture is not None:
            self._capture.release()

    def _open(self) -> cv2.VideoCapture:
        if self._capture is not None:
            return self._capture
        check_container(self._path)
        capture = cv2.VideoCapture(str(self._path))
        if not capture.isOpened():
            raise InvalidRequest("The video cannot be read; its codec may not be supported.")
        if capture.get(cv2.CAP_PROP_FRAME_WIDTH) * capture.get(cv2.CAP_PROP_FRAME_HEIGHT) > MAX_PIXELS:
            capture.release()
            raise ImageTooLarge(f"The video's frames have more than {MAX_PIXELS} pixels.")
        frames, fps = capture.get(cv2.CAP_PROP_FRAME_COUNT), capture.get(cv2.CAP_PROP_FPS)
        if fps > 0 and frames / fps > self._settings.max_video_s:
            capture.release()
            raise self._too_long()
        self._capture, self._at = capture, 0
        return capture

    def _read(self, index: int) -> bytes | None:
        if index >= self._settings.batch_max_items:
            raise TooLarge("The video has more frames than one batch may hold (VISIONFLEET_BATCH_MAX_ITEMS).")
        wanted = index * self._every
        if wanted < self._at and self._capture is not None:
            self._capture.release()
            self._capture = None
        capture = self._open()
        while self._at < wanted:
            if not capture.grab():
                return None
            self._at += 1
        if capture.get(cv2.CAP_PROP_POS_MSEC) > self._settings.max_video_s * 1000:  # whatever its head said
            raise self._too_long()
        there, frame = capture.read()
        if not there:
            return None
        self._at += 1
        done, jpeg = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        if not done:
            raise InvalidRequest("The frame cannot be encoded.")
        return bytes(jpeg)

    def _too_long(self) -> TooLarge:
        most = self._settings.max_video_s
        return TooLarge(f"The video is longer than {most:g} s, the most that is taken (VISIONFLEET_MAX_VIDEO_S).")


def check_container(path: Path) -> None:
    """Raises InvalidRequest unless the file is a video container of the kinds that are read."""
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError:
        raise InvalidRequest("The video is not on the machine of the worker, or cannot be read.") from None
    if not any(head[offset : offset + len(magic)] == magic for offset, magic in MAGIC):
        raise InvalidRequest("The file is no video that is read; use mp4, mov, mkv, webm or avi.")
