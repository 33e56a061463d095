"""From the bytes of a request to a validated schema. Everything a client sends enters here."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TypeVar

from aiohttp import web
from aiohttp.helpers import ceil_timeout
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from api_service import packed
from api_service.context import SETTINGS
from api_service.errors import BodyTimeout, from_pydantic
from shared.errors import InvalidRequest

M = TypeVar("M", bound=BaseModel)


async def read(request: web.Request) -> bytes:
    """The whole body. Raises TooLarge (through aiohttp) over the limit and BodyTimeout for a slow client."""
    limit = request.app[SETTINGS].body_timeout_s
    if (request.content_length or 0) > request.app[SETTINGS].max_body_bytes:
        raise web.HTTPRequestEntityTooLarge(request.app[SETTINGS].max_body_bytes, request.content_length or 0)
    if request.content.is_eof():  # small bodies came with the head: no timer needed
        return await request.read()
    try:
        async with ceil_timeout(limit):  # asyncio.wait_for would make a task of it
            return await request.read()
    except asyncio.TimeoutError:
        raise BodyTimeout(f"The request body did not arrive within {limit:g} s.") from None


async def parse(request: web.Request, schema: type[M], *, packs: bool = False) -> M:
    """The JSON body as ``schema``, whatever the Content-Type says; with ``packs`` it may say that it is msgpack.

    Raises:
        InvalidRequest: there is no body.
        ValidationFailed: it is no JSON, nested too deeply, or not of that shape.
        TooLarge: msgpack of too many values.
    """
    raw = await read(request)
    if not raw:
        raise InvalidRequest("The request has no body; a JSON object is expected.")
    if packs and request.content_type in packed.TYPES:
        return check(packed.unpack(raw, request.app[SETTINGS].max_msgpack_items), schema)
    return validate(raw, schema)


def validate(raw: bytes | str, schema: type[M]) -> M:
    """JSON text as ``schema``; pydantic's parser bounds the depth. Raises ValidationFailed."""
    with suppress(ValueError):  # parsed first, a long text is not copied for each form that it might have
        return schema.model_validate(from_json(raw))
    try:  # once more, for errors in the words of JSON
        return schema.model_validate_json(raw)
    except ValidationError as failure:
        raise from_pydantic(failure, "body") from None


def check(values: object, schema: type[M]) -> M:
    """Values of a msgpack body as ``schema``. Raises ValidationFailed."""
    try:
        return schema.model_validate(values)
    except ValidationError as failure:
        raise from_pydantic(failure, "body") from None


def query(request: web.Request, schema: type[M]) -> M:
    """The query string as ``schema``. Raises ValidationFailed."""
    try:
        return schema.model_validate(dict(request.query))
    except ValidationError as failure:
        raise from_pydantic(failure, "query") from None
