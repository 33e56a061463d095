"""From what a request says about its images to the bytes of the image files. Pixels are the workers' business."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

import pybase64
from aiohttp import web

from api_service import local_files
from api_service.context import EGRESS, SETTINGS
from api_service.schemas.base import ImageReference
from shared.egress import EgressFailed, EgressRefused
from shared.errors import InvalidImage, TooLarge, VisionfleetError

DATA_URL = re.compile(r"data:image/[a-z0-9.+-]+;base64,", re.IGNORECASE)
WHITESPACE = {ord(character): None for character in " \t\r\n"}
# 1 MiB of base64 decodes in about 0.1 ms, so that a thread costs more than it frees below that.
IN_THREAD_OVER = 2**20

REFUSED = {
    "numpy": "Pickled arrays are not accepted, because loading one can run code. Send an encoded image as base64.",
    "multipart": "The type 'multipart' has no meaning in JSON. Send the image as base64 or as a URL.",
    "numpy_object": "The type 'numpy_object' has no meaning over HTTP. Send an encoded image as base64.",
    "bytes": "The type 'bytes' is for byte strings, which msgpack has and JSON has not. Send base64.",
    "pil": "The type 'pil' has no meaning over HTTP. Send an encoded image as base64.",
}


async def load_all(request: web.Request, references: Sequence[ImageReference]) -> list[bytes]:
    """The bytes of every image, in order; URLs are fetched at the same time.

    Raises:
        TooLarge: more images than the limit.
        InvalidImage: one cannot be had; the message names which when there are several.
    """
    check_count(request, len(references))
    if len(references) == 1:
        return [await load(request, references[0])]
    loaded = await asyncio.gather(*(load(request, reference) for reference in references), return_exceptions=True)
    images: list[bytes] = []
    for index, image in enumerate(loaded):
        if isinstance(image, VisionfleetError):
            raise at_index(image, index)
        if isinstance(image, BaseException):
            raise image
        images.append(image)
    return images


def check_count(request: web.Request, count: int) -> None:
    """Raises TooLarge when a request has more images than the limit."""
    limit = request.app[SETTINGS].max_images
    if count > limit:
        raise TooLarge(f"{count} images in one request; the limit is {limit} (VISIONFLEET_MAX_IMAGES).")


def at_index(error: VisionfleetError, index: int) -> VisionfleetError:
    """The same error, saying which image of the request it is about (counted from 0)."""
    return type(error)(f"{error.message.rstrip('.')} (image {index} of the request).", **error.details, index=index)


async def load(request: web.Request, reference: ImageReference) -> bytes:
    """The bytes of one image. Raises InvalidImage, or TooLarge for a URL with too many bytes."""
    kind = reference.type.lower()
    if isinstance(reference.value, bytes):
        return as_sent(kind, reference.value)
    value = reference.value or ""
    if kind == "base64":
        return await decode_base64(value)
    if kind == "url":
        return await fetch(request, value)
    if kind == "file":
        settings = request.app[SETTINGS]
        return await local_files.read(value, settings.image_folders, settings.max_body_bytes)
    raise InvalidImage(REFUSED.get(kind, "The image type is not known; use 'base64' or 'url'."))


def as_sent(kind: str, image: bytes) -> bytes:
    """The bytes of a msgpack body. Raises InvalidImage when it calls them something else, or has none."""
    if kind != "bytes":
        raise InvalidImage("The value is a byte string, so the image type must be 'bytes'.")
    if not image:
        raise InvalidImage("The image payload is empty.")
    return image


async def fetch(request: web.Request, url: str) -> bytes:
    """The bytes behind an image URL. Raises InvalidImage when it may not or cannot be fetched."""
    if not request.app[SETTINGS].url_input:
        raise InvalidImage("Images by URL are switched off on this server (VISIONFLEET_URL_INPUT). Send base64.")
    try:
        return await request.app[EGRESS].fetch(url)
    except (EgressRefused, EgressFailed) as failure:
        raise InvalidImage(failure.message) from failure


async def decode_base64(text: str | bytes) -> bytes:
    """Decode base64 text, with or without a ``data:`` prefix and line breaks. Raises InvalidImage."""
    if len(text) > IN_THREAD_OVER:
        return await asyncio.to_thread(decode_base64_now, text)
    return decode_base64_now(text)


def decode_base64_now(text: str | bytes) -> bytes:
    """The strict decoder is vectorised, so it goes first; line breaks are removed only when it refuses."""
    if isinstance(text, bytes):
        text = _as_text(text)
    if text.startswith(("data:", "DATA:")):
        text = DATA_URL.sub("", text, count=1)
    try:
        image = pybase64.b64decode(text, validate=True)
    except ValueError:
        image = _decode_with_whitespace(text)
    if not image:
        raise InvalidImage("The image payload is empty.")
    return image


def _decode_with_whitespace(text: str) -> bytes:
    try:
        return pybase64.b64decode(text.translate(WHITESPACE), validate=True)
    except ValueError:
        raise InvalidImage("The image payload is not valid base64.") from None


def _as_text(payload: bytes) -> str:
    try:
        return payload.decode("ascii")
    except UnicodeDecodeError:
        raise InvalidImage(
            "The body holds raw bytes where base64 text is expected. Encode the image or send it as multipart."
        ) from None
