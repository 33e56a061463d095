"""Multipart bodies, read into memory under the same limits as any other body."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from aiohttp import BodyPartReader, MultipartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from api_service.context import SETTINGS
from api_service.errors import BodyTimeout
from shared.errors import InvalidRequest, TooLarge

MALFORMED = (ValueError, AssertionError, RuntimeError, HttpProcessingError)
"""What aiohttp raises for a body that is not the multipart that its header promises."""
PARTS_BESIDE_IMAGES = 8
"""Form fields that a request may have beside its images."""


@dataclass
class Form:
    """Parts by field name: files as bytes, the others as text."""

    files: dict[str, list[bytes]] = field(default_factory=dict)
    fields: dict[str, str] = field(default_factory=dict)


async def read(request: web.Request) -> Form:
    """Read every part.

    Raises:
        InvalidRequest: the body is not the multipart that its header promises.
        TooLarge: too many bytes or parts.
        BodyTimeout: the client is too slow.
    """
    settings = request.app[SETTINGS]
    try:
        return await asyncio.wait_for(
            _parts(await request.multipart(), settings.max_body_bytes, settings.max_images + PARTS_BESIDE_IMAGES),
            settings.body_timeout_s,
        )
    except asyncio.TimeoutError:
        raise BodyTimeout(f"The request body did not arrive within {settings.body_timeout_s:g} s.") from None
    except MALFORMED:
        raise InvalidRequest("The multipart body is malformed.") from None


async def _parts(reader: MultipartReader, max_bytes: int, max_parts: int) -> Form:
    form, count, size = Form(), 0, 0
    while (part := await reader.next()) is not None:
        count += 1
        if not isinstance(part, BodyPartReader) or part.name is None:
            raise InvalidRequest("Every part of a multipart body needs a name, and none may be multipart itself.")
        if count > max_parts:
            raise TooLarge(f"The multipart body has more than {max_parts} parts.")
        content = await _content(part, max_bytes - size)
        size += len(content)
        if part.filename is not None or (part.headers.get("Content-Type", "").startswith("image/")):
            form.files.setdefault(part.name, []).append(content)
        else:
            form.fields[part.name] = content.decode(errors="replace")
    return form


async def _content(part: BodyPartReader, budget: int) -> bytes:
    content = bytearray()
    while chunk := await part.read_chunk(65536):
        content += chunk
        if len(content) > budget:
            raise TooLarge("The request body is over the limit (VISIONFLEET_MAX_BODY_BYTES).")
    return bytes(content)
