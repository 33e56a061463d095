"""Images that a request names by their path on this machine: refused, unless the settings name folders for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from shared.errors import InvalidImage, TooLarge

NOT_READ = "The file is not in a folder that this server reads images from (VISIONFLEET_IMAGE_FOLDERS)."


async def read(path: str, folders: Sequence[Path], limit: int) -> bytes:
    """The bytes of a file inside one of the folders; links that lead out of them are not followed.

    Raises:
        InvalidImage: it is outside of them, no regular file, or not there: what else the machine has is not told.
        TooLarge: more than ``limit`` bytes.
    """
    if not folders:
        raise InvalidImage(
            "Files of the server are not read. Send the image as base64, as a multipart file or as a URL, or allow a "
            "folder (VISIONFLEET_IMAGE_FOLDERS)."
        )
    return await asyncio.to_thread(_read, path, folders, limit)


def _read(path: str, folders: Sequence[Path], limit: int) -> bytes:
    try:
        real = Path(path).resolve(strict=True)
        inside = any(real.is_relative_to(folder.resolve()) for folder in folders)
        if not inside or not real.is_file():
            raise InvalidImage(NOT_READ)
        with real.open("rb") as file:
            content = file.read(limit + 1)
    except (OSError, ValueError, RuntimeError):  # not there; a null byte in the path; a loop of links
        raise InvalidImage(NOT_READ) from None
    if len(content) > limit:
        raise TooLarge("The file is over the limit (VISIONFLEET_MAX_BODY_BYTES).")
    return content
