"""Large multipart bodies, written to a folder as they arrive."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import BodyPartReader, MultipartReader, web

from api_service.errors import BodyTimeout
from api_service.multipart import MALFORMED
from shared.batches.settings import BatchSettings
from shared.errors import InvalidRequest, TooLarge

CHUNK = 256 * 1024
MOST_FIELD_BYTES = 1_000_000
FILES = frozenset({"image", "zip", "video"})


@dataclass
class Upload:
    """What came: the text fields, the name of the file parts, and the files' own names; file i is stored as ``i``."""

    fields: dict[str, str] = field(default_factory=dict)
    part: str = ""
    names: list[str] = field(default_factory=list)


async def receive(request: web.Request, folder: Path, settings: BatchSettings) -> Upload:
    """Write the files of a multipart request into a new folder, which is removed again when anything is wrong.

    Raises:
        InvalidRequest: the body is no proper multipart, or its parts are of several kinds.
        TooLarge: over the limit on bytes or files.
        BodyTimeout: the client is too slow.
    """
    await asyncio.to_thread(folder.mkdir, parents=True)
    try:
        return await asyncio.wait_for(
            _parts(await request.multipart(), folder, settings), settings.batch_upload_timeout_s
        )
    except asyncio.TimeoutError:
        await discard(folder)
        raise BodyTimeout(f"The upload took longer than {settings.batch_upload_timeout_s:g} s.") from None
    except MALFORMED:
        await discard(folder)
        raise InvalidRequest("The multipart body is malformed.") from None
    except BaseException:
        await discard(folder)
        raise


async def discard(folder: Path) -> None:
    """Remove an upload."""
    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def _parts(reader: MultipartReader, folder: Path, settings: BatchSettings) -> Upload:
    upload, budget = Upload(), settings.batch_max_bytes
    while (part := await reader.next()) is not None:
        if not isinstance(part, BodyPartReader) or part.name is None:
            raise InvalidRequest("Every part of a multipart body needs a name, and none may be multipart itself.")
        if part.name not in FILES:
            upload.fields[part.name] = await _text(part)
            continue
        _check_part(upload, part.name, settings)
        budget -= await _store(part, folder / str(len(upload.names)), budget)
        upload.names.append(part.filename or f"{len(upload.names)}")
    return upload


def _check_part(upload: Upload, name: str, settings: BatchSettings) -> None:
    if upload.part and (upload.part != name or name != "image"):
        raise InvalidRequest("The files of a batch are any number of 'image', or one 'zip', or one 'video'.")
    if len(upload.names) >= settings.batch_max_items:
        limit = settings.batch_max_items
        raise TooLarge(f"The batch holds more than {limit} images (VISIONFLEET_BATCH_MAX_ITEMS).")
    upload.part = name


async def _store(part: BodyPartReader, path: Path, budget: int) -> int:
    size = 0
    file = await asyncio.to_thread(path.open, "xb")
    try:
        while chunk := await part.read_chunk(CHUNK):
            size += len(chunk)
            if size > budget:
                raise TooLarge("The upload is over the limit (VISIONFLEET_BATCH_MAX_BYTES).")
            await asyncio.to_thread(file.write, chunk)
    finally:
        await asyncio.to_thread(file.close)
    return size


async def _text(part: BodyPartReader) -> str:
    content = bytearray()
    while chunk := await part.read_chunk(CHUNK):
        content += chunk
        if len(content) > MOST_FIELD_BYTES:
            raise TooLarge(f"A form field is over the limit of {MOST_FIELD_BYTES} bytes.")
    return content.decode(errors="replace")
