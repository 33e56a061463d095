"""Promptable segmentation: ``/sam/*`` and ``/sam2/*``."""

from __future__ import annotations

import asyncio
import uuid
from array import array
from collections.abc import Iterator
from hashlib import sha256
from struct import pack
from typing import Any

from aiohttp import web
from pydantic import BaseModel

from api_service import body, images, reply
from api_service.context import call_of
from api_service.inference import Wanted, plan, run
from api_service.route import Handler, Route
from api_service.schemas import sam
from api_service.schemas.embeddings import EmbeddingRequest
from api_service.schemas.sam import Sam2Embedding, Sam2Segmentation, SamEmbedding, SamSegmentation
from shared.errors import InvalidRequest
from shared.jobs import Media

TASKS = frozenset({"promptable-segmentation"})
BINARY = "application/octet-stream"


async def ask(
    request: web.Request, asked: EmbeddingRequest, data: bytes, params: dict[str, Any], media: Media = "image"
) -> dict[str, Any]:
    """One answer. Raises what ``plan`` and ``run`` raise."""
    model, hardware = await plan(request, asked.named, TASKS, asked.hardware or "any")
    (output,) = await run(request, Wanted(model, hardware, params), [data], media)
    return output


def remembered(request: web.Request, image_id: str | None) -> str | None:
    """What an image is remembered under: ids are the caller's own, nobody gets at an image of others by its id."""
    if image_id is None:
        return None
    return sha256(f"{call_of(request).caller.owner}\n{image_id}".encode()).hexdigest()


async def embed_sam(request: web.Request) -> web.Response:
    """The embedding."""
    asked = await body.parse(request, SamEmbedding, packs=True)
    binary = asked.format == "binary"
    params = {"embed_only": True, "embedding_format": "npy" if binary else "json"}
    image = await images.load(request, asked.image)
    output = await ask(request, asked, image, params | {"image_key": remembered(request, asked.image_id)})
    if binary:
        return web.Response(body=output["embeddings"], content_type=BINARY)
    return reply.negotiated(request, {"embeddings": [output["embeddings"]], "time": call_of(request).elapsed()})


async def segment_sam(request: web.Request) -> web.Response:
    """One mask."""
    asked = await body.parse(request, SamSegmentation, packs=True)
    points = [
        {"x": x, "y": y, "label": int(label)}
        for (x, y), label in zip(asked.point_coords, asked.point_labels, strict=True)
        if label != -1
    ]
    binary = asked.format == "binary"
    params: dict[str, Any] = {
        "prompts": [{"points": points}],
        "image_key": remembered(request, asked.image_id),
        "mask_format": "binary" if binary else "polygon",
        "low_res_masks": True,
        "save_logits_to_cache": asked.use_mask_input_cache is not False,
        "start_from": "last" if asked.has_mask_input and asked.mask_input is None else "nothing",
    }
    if asked.has_mask_input and asked.mask_input is not None:
        params["mask_input"] = await asyncio.to_thread(numbers_of, asked.mask_input, asked.mask_input_format)
    data, media = await subject_of(request, asked)
    if asked.orig_im_size is not None:
        params["image_size"] = (asked.orig_im_size[1], asked.orig_im_size[0])
    output = await ask(request, asked, data, params, media)
    if binary:
        return web.Response(body=output["binary"], content_type=BINARY)
    (found,) = output["predictions"]
    shown = {"masks": found["masks"][:1], "low_res_masks": found["low_res_masks"][:1]}
    return reply.negotiated(request, {**shown, "time": call_of(request).elapsed()})


async def subject_of(request: web.Request, asked: SamSegmentation) -> tuple[bytes, Media]:
    """What is to be segmented. Raises InvalidRequest when there is nothing."""
    if asked.image is not None:
        return await images.load(request, asked.image), "image"
    if asked.embeddings is not None:
        return await asyncio.to_thread(embedding_of, asked.embeddings, asked.embeddings_format), "embedding"
    if asked.image_id is not None:
        return b"", "embedding"
    raise InvalidRequest("There is nothing to segment; give image, image_id or embeddings.")


async def embed_sam2(request: web.Request) -> web.Response:
    """What the image is remembered under."""
    asked = await body.parse(request, Sam2Embedding, packs=True)
    image_id = asked.image_id or uuid.uuid4().hex
    params = {"embed_only": True, "image_key": remembered(request, image_id)}
    await ask(request, asked, await images.load(request, asked.image), params)
    return reply.negotiated(request, {"image_id": image_id, "time": call_of(request).elapsed()})


async def segment_sam2(request: web.Request) -> web.Response:
    """A mask for each prompt."""
    asked = await body.parse(request, Sam2Segmentation, packs=True)
    form = asked.format or "json"
    params = {
        "prompts": asked.objects(),
        "image_key": remembered(request, asked.image_id),
        "mask_format": "polygon" if form == "json" else form,
        "multimask_output": asked.multimask_output is not False,
        "save_logits_to_cache": bool(asked.save_logits_to_cache),
        "start_from": "before" if asked.load_logits_from_cache else "nothing",
    }
    output = await ask(request, asked, await images.load(request, asked.image), params)
    if form == "binary":
        return web.Response(body=output["binary"], content_type=BINARY)
    return reply.negotiated(request, {"predictions": output["predictions"], "time": call_of(request).elapsed()})


def numbers_of(given: Any, form: str | None) -> bytes:
    """A mask's logits as float32. Raises InvalidRequest."""
    if form == "binary" or isinstance(given, str):
        return images.decode_base64_now(given if isinstance(given, str) else "")
    return array("f", flat(given)).tobytes()


def embedding_of(given: Any, form: str | None) -> bytes:
    """A .npy file of an embedding. Raises InvalidRequest when the lists are of unequal length."""
    if form == "binary" or isinstance(given, str):
        return images.decode_base64_now(given if isinstance(given, str) else "")
    shape: list[int] = []
    inner = given
    while isinstance(inner, list):
        shape.append(len(inner))
        inner = inner[0] if inner else None
    values = array("f", flat(given))
    count = 1
    for size in shape:
        count *= size
    if len(values) != count:
        raise InvalidRequest("The embeddings are lists of unequal length.")
    return npy(values, tuple(shape))


def npy(values: array[float], shape: tuple[int, ...]) -> bytes:
    """float32 numbers in NumPy's file format, version 1.0: magic, length of the header, header, data."""
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}"
    head = text.ljust(-(-(len(text) + 11) // 64) * 64 - 11) + "\n"
    return b"\x93NUMPY\x01\x00" + pack("<H", len(head)) + head.encode("latin-1") + values.tobytes()


def flat(given: Any) -> Iterator[float]:
    """The numbers of nested lists."""
    for item in given:
        if isinstance(item, list):
            yield from flat(item)
        else:
            yield item


def route(path: str, handler: Handler, schemas: tuple[type[BaseModel], type[BaseModel]], summary: str) -> Route:
    """One route; ``schemas`` are of its body and its answer."""
    return Route(
        method="POST",
        path=path,
        handler=handler,
        tag="Inference",
        summary=summary,
        scope="infer",
        body=schemas[0],
        answer=schemas[1],
        also_as=("application/msgpack",),
        status=(404, 413, 504),
        leaves=True,
    )


ROUTES = [
    route("/sam/embed_image", embed_sam, (SamEmbedding, sam.SamEmbeddingAnswer), "Embed an image for SAM."),
    route("/sam/segment_image", segment_sam, (SamSegmentation, sam.SamSegmentationAnswer), "Segment by points: SAM."),
    route("/sam2/embed_image", embed_sam2, (Sam2Embedding, sam.Sam2EmbeddingAnswer), "Embed an image for SAM2."),
    route(
        "/sam2/segment_image",
        segment_sam2,
        (Sam2Segmentation, sam.Sam2SegmentationAnswer),
        "Segment by points and boxes: SAM2.",
    ),
]
