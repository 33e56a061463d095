"""The contract of a source, and the rules that several of them share."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from shared.errors import InvalidRequest, TooLarge

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif", ".tif", ".tiff"})


class Source(Protocol):
    """Images by index. ``readers`` is how many may be read at a time; with 1 they are read in ascending order."""

    readers: int

    async def plan(self) -> list[str] | None:
        """A name for each item, in an order that never changes; None when the number shows only while reading.

        Raises InvalidRequest or TooLarge when there is nothing to split.
        """
        ...

    async def read(self, index: int, name: str) -> bytes | None:
        """The image file of one item; None when the source ends before it. Raises VisionfleetError for this item."""
        ...

    async def close(self) -> None:
        """Let go of what is open."""
        ...


def allowed(path: str, roots: tuple[Path, ...]) -> Path:
    """The path with all links resolved, when it lies in a folder that batches may read. Raises InvalidRequest."""
    resolved = Path(path).resolve()
    for root in roots:
        if resolved.is_relative_to(root.resolve()):
            return resolved
    raise InvalidRequest("The path is in no folder that batches may read (VISIONFLEET_BATCH_FOLDERS).")


def read_file(path: Path, most: int) -> bytes:
    """The bytes of a file. Raises InvalidRequest when it cannot be read, TooLarge over the limit."""
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError:
        raise InvalidRequest("The file cannot be read.") from None
    if len(content) > most:
        raise TooLarge(f"The image is over the limit of {most} bytes (VISIONFLEET_BATCH_ITEM_BYTES).")
    return content


def check_count(count: int, most: int) -> None:
    """Raises InvalidRequest for no items, TooLarge for too many."""
    if count == 0:
        raise InvalidRequest("The batch holds no images.")
    if count > most:
        raise TooLarge(f"The batch holds {count} images; the limit is {most} (VISIONFLEET_BATCH_MAX_ITEMS).")
