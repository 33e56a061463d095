"""The three ways in which a job arrives: JSON, multipart, msgpack. All give the same request and its images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiohttp import web
from pydantic import ValidationError

from api_service import body, images, multipart, packed
from api_service.context import SETTINGS
from api_service.errors import from_pydantic
from api_service.schemas.base import ImageReference
from api_service.schemas.jobs import JobRequest
from shared.errors import InvalidImage, InvalidRequest

Image = bytes | ImageReference


async def read(request: web.Request) -> tuple[JobRequest, list[Image]]:
    """The request and its images, bytes as they came or references still to be loaded; only a workflow may have none.

    Raises InvalidRequest, InvalidImage, TooLarge.
    """
    if request.content_type == "multipart/form-data":
        wanted, found = await _from_form(request)
    elif request.content_type in packed.TYPES:
        wanted, found = await _from_msgpack(request)
    else:
        wanted = await body.parse(request, JobRequest)
        found = _as_list(wanted.image)
    if not found and wanted.workflow is None:
        raise InvalidRequest("The job has no image; give `image`, or send multipart with file parts named 'image'.")
    images.check_count(request, len(found))
    for index, image in enumerate(found):
        if image == b"":
            raise images.at_index(InvalidImage("The image file is empty."), index)
    return wanted, found


async def load(request: web.Request, found: Sequence[Image]) -> list[bytes]:
    """The bytes of every image, in order. Raises InvalidImage, TooLarge."""
    references = [image for image in found if not isinstance(image, bytes)]
    loaded = iter(await images.load_all(request, references) if references else ())
    return [image if isinstance(image, bytes) else next(loaded) for image in found]


async def _from_form(request: web.Request) -> tuple[JobRequest, list[Image]]:
    """The ``job`` field and the ``image`` files."""
    form = await multipart.read(request)
    wanted = body.validate(form.fields.get("job") or _only_file(form, "job"), JobRequest)
    files = form.files.get("image", [])
    if not files or wanted.image is not None:
        raise InvalidRequest("A multipart job has its images as file parts named 'image', and none in the job field.")
    return wanted, list(files)


async def _from_msgpack(request: web.Request) -> tuple[JobRequest, list[Image]]:
    """A map as in JSON, in which an image may also be a byte string."""
    values = packed.unpack(await body.read(request), request.app[SETTINGS].max_msgpack_items)
    if not isinstance(values, dict):
        raise packed.invalid("the body is a map with the fields of the job")
    try:
        found: list[Image] = [
            image if isinstance(image, bytes) else ImageReference.model_validate(image)
            for image in _as_list(values.pop("image", None))
        ]
        return JobRequest.model_validate(values), found
    except ValidationError as failure:
        raise from_pydantic(failure, "body") from None


def _as_list(image: Any) -> list[Any]:
    if image is None:
        return []
    return list(image) if isinstance(image, list) else [image]


def _only_file(form: multipart.Form, name: str) -> bytes:
    if len(form.files.get(name, [])) != 1:
        raise InvalidRequest(f"The multipart request has no field named {name!r} with the job as JSON.")
    return form.files[name][0]
