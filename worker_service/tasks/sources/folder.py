"""Images in a folder: one of the server's that batches may read, or one with uploaded files."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from shared.batches.settings import BatchSettings
from shared.errors import InvalidRequest
from worker_service.tasks.sources.source import IMAGE_SUFFIXES, allowed, check_count, read_file


class FolderSource:
    """Image files of a folder and the folders in it, by name. Links that lead out of it are not followed."""

    readers = 4

    def __init__(self, folder: Path, settings: BatchSettings) -> None:
        self._folder = folder
        self._settings = settings

    async def plan(self) -> list[str] | None:
        """The relative paths of the image files, sorted."""
        return await asyncio.to_thread(self._list)

    async def read(self, index: int, name: str) -> bytes | None:
        """One file."""
        del index
        return await asyncio.to_thread(self._read, name)

    async def close(self) -> None:
        """Nothing is held."""

    def _list(self) -> list[str]:
        if not self._folder.is_dir():
            raise InvalidRequest("The folder does not exist on the machine of the worker.")
        found: list[str] = []
        for parent, _, files in os.walk(self._folder):
            inner = Path(parent).relative_to(self._folder)
            found += [str(inner / file) for file in files if Path(file).suffix.lower() in IMAGE_SUFFIXES]
            if len(found) > self._settings.batch_max_items:
                break
        check_count(len(found), self._settings.batch_max_items)
        return sorted(found)

    def _read(self, name: str) -> bytes:
        path = allowed(str(self._folder / name), (self._folder,))
        return read_file(path, self._settings.batch_item_bytes)


class UploadSource:
    """Files that came with the request, stored under their index."""

    readers = 4

    def __init__(self, folder: Path, settings: BatchSettings) -> None:
        self._folder = folder
        self._settings = settings

    async def plan(self) -> list[str] | None:
        """Never asked: the API wrote the items down."""
        return None

    async def read(self, index: int, name: str) -> bytes | None:
        """One file."""
        del name
        return await asyncio.to_thread(read_file, self._folder / str(index), self._settings.batch_item_bytes)

    async def close(self) -> None:
        """Nothing is held."""
