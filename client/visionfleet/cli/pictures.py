"""Which images a command line means, and where their annotated copies go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from visionfleet.errors import InvalidImage

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"})


@dataclass(frozen=True)
class Picture:
    """One image to run: what the client takes, the name to show, and its place below the --save folder."""

    source: str
    place: PurePosixPath


def collect(arguments: Sequence[str]) -> list[Picture]:
    """Files and URLs as they are, folders with all images below them.

    Raises:
        InvalidImage: there is no such file, or a folder holds no image.
    """
    pictures: list[Picture] = []
    for argument in arguments:
        if argument.startswith(("http://", "https://")):
            name = PurePosixPath(urlsplit(argument).path).name
            pictures.append(Picture(argument, PurePosixPath(name or "image")))
        else:
            pictures += _local(Path(argument))
    return list(_apart(pictures))


def _local(path: Path) -> list[Picture]:
    if not path.exists():
        raise InvalidImage(f"There is no file or folder {path}.")
    if not path.is_dir():
        return [Picture(str(path), PurePosixPath(path.name))]
    found = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
    if not found:
        raise InvalidImage(f"There is no image in {path}; looked for {', '.join(sorted(SUFFIXES))}.")
    return [Picture(str(file), PurePosixPath(file.relative_to(path).as_posix())) for file in found]


def _apart(pictures: Iterable[Picture]) -> Iterable[Picture]:
    """The same with a number added where two annotated copies would have one name; all of them end in .jpg."""
    taken: set[PurePosixPath] = set()
    for picture in pictures:
        place, count = picture.place.with_suffix(".jpg"), 1
        while place in taken:
            count += 1
            place = picture.place.with_name(f"{picture.place.stem}-{count}.jpg")
        taken.add(place)
        yield Picture(picture.source, place)
