"""``Idempotency-Key``: one job however often its submission is sent."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from hashlib import sha256

from aiohttp import web

from api_service.context import SETTINGS, call_of
from api_service.reply import dumps
from api_service.schemas.base import ImageReference
from api_service.schemas.jobs import JobRequest
from shared.errors import InvalidRequest

HEADER = "Idempotency-Key"
KEY = re.compile(r"[\x20-\x7e]{1,255}")
QUOTED = re.compile(r'"((?:[^"\\]|\\["\\])*)"')
# SHA-256 takes about 0.5 ms for 1 MiB, so that a thread costs more than it frees below that.
IN_THREAD_OVER = 2**20


def key_of(request: web.Request) -> str:
    """The key, from a quoted string (as the draft standard has it) or bare; "" without one.

    Where tenants are kept apart, each has keys of its own. Raises InvalidRequest.
    """
    given = request.headers.getall(HEADER, [])
    if not given:
        return ""
    quoted = QUOTED.fullmatch(given[0].strip())
    key = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else given[0].strip()
    if len(given) > 1 or not KEY.fullmatch(key):
        raise InvalidRequest("An Idempotency-Key is one header of 1 to 255 printable ASCII characters.")
    owner = call_of(request).caller.owner if request.app[SETTINGS].multi_tenant else ""
    return f"{owner}\n{key}" if owner else key


async def fingerprint(wanted: JobRequest, images: Sequence[bytes | ImageReference]) -> str:
    """What the request asks for, as a hash: the same for the same request, however it was encoded around the images."""
    size = sum(len(image) if isinstance(image, bytes) else len(image.value or "") for image in images)
    if size > IN_THREAD_OVER:
        return await asyncio.to_thread(_hash, wanted, images)
    return _hash(wanted, images)


def _hash(wanted: JobRequest, images: Sequence[bytes | ImageReference]) -> str:
    # What was left out stays out, so that a server with a new field and its default knows old requests again.
    digest = sha256(dumps(wanted.model_dump(exclude={"image"}, exclude_unset=True)))
    for image in images:
        kind, value = ("bytes", image) if isinstance(image, bytes) else (image.type, image.value or b"")
        data = value if isinstance(value, bytes) else value.encode()
        digest.update(f"\n{kind} {len(data)} ".encode())
        digest.update(data)
    return digest.hexdigest()
