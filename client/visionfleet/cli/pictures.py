"""Which images a command line means, and where their annotated copies go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from visionfleet.errors import InvalidImage
from visionfleet.images import ImageInput
from visionfleet.sources import files_in, images_of, is_url, is_video


@dataclass(frozen=True)
class Picture:
    """One image to run: the name to show, what the client takes, and its place below the --save folder.

    ``frame`` is its number in a video or since the camera was opened; all frames of one have the same place.
    """

    source: str
    image: ImageInput
    place: PurePosixPath
    frame: int | None = None


@dataclass(frozen=True)
class Pictures:
    """Images one by one, and how many they are; None for videos and cameras."""

    items: Iterable[Picture]
    total: int | None

    def __iter__(self) -> Iterator[Picture]:
        return iter(self.items)


def collect(arguments: Sequence[str], every: int = 1) -> Pictures:
    """Files and URLs as they are, folders with all images below them, videos and cameras frame by frame.

    Raises:
        InvalidImage: there is no such file, or a folder holds no image.
    """
    known: list[Picture] = []
    moving: list[tuple[str | int, PurePosixPath]] = []
    for argument in arguments:
        if argument.isdigit() and not Path(argument).exists():
            moving.append((int(argument), PurePosixPath(f"camera-{argument}.mp4")))
        elif is_url(argument):
            name = PurePosixPath(urlsplit(argument).path).name
            known.append(Picture(argument, argument, PurePosixPath(name or "image")))
        elif is_video(argument):
            moving.append((_existing(argument), PurePosixPath(argument).with_suffix(".mp4")))
        else:
            known += _local(Path(_existing(argument)))
    apart = list(_apart(known))
    if not moving:
        return Pictures(apart, len(apart))
    frames = (frame for source, place in moving for frame in _frames(source, PurePosixPath(place.name), every))
    return Pictures((picture for part in (apart, frames) for picture in part), None)


def _existing(argument: str) -> str:
    if not Path(argument).exists():
        raise InvalidImage(f"There is no file or folder {argument}.")
    return argument


def _local(path: Path) -> list[Picture]:
    if not path.is_dir():
        return [Picture(str(path), path, PurePosixPath(path.name))]
    return [Picture(str(file), file, PurePosixPath(file.relative_to(path).as_posix())) for file in files_in(path)]


def _frames(source: str | int, place: PurePosixPath, every: int) -> Iterator[Picture]:
    for named in images_of(source, every):
        yield Picture(named.name, named.image, place, named.frame)


def _apart(pictures: Iterable[Picture]) -> Iterable[Picture]:
    """The same with a number added where two annotated copies would have one name; all of them end in .jpg."""
    taken: set[PurePosixPath] = set()
    for picture in pictures:
        place, count = picture.place.with_suffix(".jpg"), 1
        while place in taken:
            count += 1
            place = picture.place.with_name(f"{picture.place.stem}-{count}.jpg")
        taken.add(place)
        yield Picture(picture.source, picture.image, place)
