"""Images in an uploaded zip. What its directory claims is checked before anything is unpacked, and again while."""

from __future__ import annotations

import asyncio
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from shared.batches.settings import BatchSettings
from shared.errors import InvalidRequest, TooLarge
from worker_service.tasks.sources.source import IMAGE_SUFFIXES, check_count

ENCRYPTED = 0x1
"""Bit 0 of the general purpose flags, APPNOTE 4.4.4."""
SMALL_ENTRY = 4096
"""Below this a high ratio says nothing."""


class ZipSource:
    """Entries that are image files, in the order of the zip's directory. Nothing is written to disk."""

    readers = 1

    def __init__(self, path: Path, settings: BatchSettings) -> None:
        self._path = path
        self._settings = settings
        self._zip: zipfile.ZipFile | None = None

    async def plan(self) -> list[str] | None:
        """The entries' names."""
        return await asyncio.to_thread(self._plan)

    async def read(self, index: int, name: str) -> bytes | None:
        """Unpack one entry, no further than the limit."""
        del index
        return await asyncio.to_thread(self._read, name)

    async def close(self) -> None:
        """Close the file."""
        if self._zip is not None:
            self._zip.close()

    def _open(self) -> zipfile.ZipFile:
        if self._zip is None:
            try:
                self._zip = zipfile.ZipFile(self._path)
            except FileNotFoundError:
                raise InvalidRequest(
                    "The uploaded file is not on the machine of the worker; API and workers must share "
                    "VISIONFLEET_BATCH_DIR."
                ) from None
            except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
                raise InvalidRequest("The upload is not a zip file that can be read.") from None
        return self._zip

    def _plan(self) -> list[str]:
        entries = [entry for entry in self._open().infolist() if self._wanted(entry)]
        check_count(len(entries), self._settings.batch_max_items)
        total = sum(entry.file_size for entry in entries)
        if total > self._settings.batch_unpacked_bytes:
            raise TooLarge("The zip unpacks to more bytes than the limit (VISIONFLEET_BATCH_UNPACKED_BYTES).")
        if len({entry.filename for entry in entries}) < len(entries):
            raise InvalidRequest("The zip has several entries of one name.")
        return [entry.filename for entry in entries]

    def _wanted(self, entry: zipfile.ZipInfo) -> bool:
        name = PurePosixPath(entry.filename)
        if entry.is_dir() or name.suffix.lower() not in IMAGE_SUFFIXES or "__MACOSX" in name.parts:
            return False
        if entry.flag_bits & ENCRYPTED:
            raise InvalidRequest("The zip is encrypted.")
        packed = max(entry.compress_size, 1)
        if entry.file_size > SMALL_ENTRY and entry.file_size / packed > self._settings.batch_zip_ratio:
            raise TooLarge("An entry of the zip unpacks to suspiciously many bytes (VISIONFLEET_BATCH_ZIP_RATIO).")
        return True

    def _read(self, name: str) -> bytes:
        most = self._settings.batch_item_bytes
        try:
            with self._open().open(name) as entry:
                content = entry.read(most + 1)
        except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, EOFError, KeyError, zlib.error):
            raise InvalidRequest("This entry of the zip cannot be unpacked.") from None
        if len(content) > most:
            raise TooLarge(f"The image is over the limit of {most} bytes (VISIONFLEET_BATCH_ITEM_BYTES).")
        return content
