"""Where many images come from: files, folders, patterns, video files, cameras, and whatever can be iterated over."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from visionfleet.errors import InvalidImage, NotInstalled
from visionfleet.images import ImageInput, is_array

Source: TypeAlias = "ImageInput | int | Iterable[ImageInput]"
"""An image, a folder, a pattern (``photos/*.jpg``), a video file, the number of a camera, or many of these."""

IMAGES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"})
VIDEOS = frozenset({".mp4", ".mov", ".mkv", ".avi", ".webm", ".m4v", ".mpg", ".mpeg", ".ts"})


@dataclass(frozen=True)
class Named:
    """One image of a source.

    Attributes:
        name: path, URL, or the place in the list; frames are ``video.mp4#12``.
        image: what the client takes.
        frame: number in the video or since the camera was opened, from 0; None for pictures.
    """

    name: str
    image: ImageInput
    frame: int | None = None


def images_of(source: Source, every: int = 1) -> Iterator[Named]:
    """The images of a source, one by one; of videos and cameras every so many frames.

    Raises:
        InvalidImage: there is no such file, a folder holds no image, a video or camera cannot be read.
        NotInstalled: videos and cameras need OpenCV.
    """
    if isinstance(source, (str, os.PathLike)):
        yield from _of_path(os.fspath(source), every)
    elif isinstance(source, int) and not isinstance(source, bool):
        yield from _frames(source, f"camera {source}", every)
    elif _is_one(source):
        yield Named("image", source)
    elif isinstance(source, Iterable):
        for index, one in enumerate(source):
            yield from _of_path(os.fspath(one), every) if isinstance(one, (str, os.PathLike)) else [_nth(index, one)]
    else:
        raise InvalidImage(f"Images come from a path, a list, a video or a camera, not from {type(source).__name__}.")


def count_of(source: Source) -> int | None:
    """How many images there are, where that is known without reading them."""
    if isinstance(source, (str, os.PathLike)):
        path = Path(os.fspath(source))
        return len(files_in(path)) if path.is_dir() else None
    return len(source) if isinstance(source, (list, tuple)) else None


def is_video(path: str) -> bool:
    """Whether a name is that of a video file."""
    return Path(path).suffix.lower() in VIDEOS


def is_url(path: str) -> bool:
    """Whether a text is an http(s) URL."""
    return urlsplit(path).scheme in ("http", "https")


def files_in(folder: Path) -> list[Path]:
    """Every image file below a folder, by name. Raises InvalidImage when there is none."""
    found = sorted(file for file in folder.rglob("*") if file.suffix.lower() in IMAGES and file.is_file())
    if not found:
        raise InvalidImage(f"There is no image in {folder}; looked for {', '.join(sorted(IMAGES))}.")
    return found


def _of_path(path: str, every: int) -> Iterator[Named]:
    if is_url(path):
        yield Named(path, path)
    elif Path(path).is_dir():
        yield from (Named(str(file), file) for file in files_in(Path(path)))
    elif is_video(path):
        yield from _frames(path, path, every)
    elif not Path(path).exists() and (matches := sorted(glob.glob(path, recursive=True))):  # noqa: PTH207 - any root
        for match in matches:
            yield from _of_path(match, every)
    else:
        yield Named(path, path)


def _frames(source: str | int, name: str, every: int) -> Iterator[Named]:
    try:
        import cv2  # noqa: PLC0415 - optional: only videos and cameras need it
    except ImportError:
        raise NotInstalled('Videos and cameras need OpenCV: pip install "visionfleet[video]".') from None
    if isinstance(source, str) and not Path(source).is_file():
        raise InvalidImage(f"There is no file {source}.")
    capture = cv2.VideoCapture(source)
    try:
        if not capture.isOpened():
            raise InvalidImage(f"{name} cannot be opened; is it a video that OpenCV reads, or a camera that is free?")
        number = 0
        while capture.grab():
            if number % every == 0:
                good, pixels = capture.retrieve()
                if good:
                    yield Named(f"{name}#{number}", pixels, number)
            number += 1
        if number == 0:
            raise InvalidImage(f"{name} gave no frame.")
    finally:
        capture.release()


def _is_one(source: Any) -> bool:
    return isinstance(source, (bytes, bytearray, memoryview)) or is_array(source) or hasattr(source, "convert")


def _nth(index: int, image: ImageInput) -> Named:
    return Named(f"image {index}", image)
