"""Images and texts as vectors, and how alike they are: ``/clip/*`` and ``/perception_encoder/*``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import mul
from typing import Any

from aiohttp import web

from api_service import body, images, reply
from api_service.context import call_of
from api_service.inference import Wanted, new_inference_id, plan, run
from api_service.route import Handler, Route
from api_service.schemas import embeddings
from api_service.schemas.base import ImageReference
from api_service.schemas.embeddings import Comparison, EmbeddingRequest, Images, Item, Media, Texts
from shared.errors import InvalidRequest

TASKS = frozenset({"embedding"})


async def wanted_of(request: web.Request, asked: EmbeddingRequest, **params: Any) -> Wanted:
    """The model that the request names, with its parameters. Raises what ``plan`` raises."""
    model, hardware = await plan(request, asked.named, TASKS, asked.hardware or "any")
    return Wanted(model, hardware, params)


async def embed(request: web.Request, wanted: Wanted, items: Sequence[Item], media: Media) -> list[dict[str, Any]]:
    """One output per item. Raises InvalidRequest for items that are of the other kind."""
    images.check_count(request, len(items))
    texts = [item for item in items if isinstance(item, str)]
    references = [item for item in items if isinstance(item, ImageReference)]
    if len(texts if media == "text" else references) != len(items):
        raise InvalidRequest(
            f"The request says {media} and holds something else; look at subject_type and prompt_type."
        )
    inputs = [text.encode() for text in texts] if media == "text" else await images.load_all(request, references)
    return await run(request, wanted, inputs, media)


def head(request: web.Request, asked: EmbeddingRequest) -> dict[str, Any]:
    """What the answers begin with."""
    return {"inference_id": asked.id or new_inference_id(), "frame_id": None, "time": call_of(request).elapsed()}


def embedding(schema: type[Images | Texts]) -> Handler:
    """A handler that answers vectors."""

    async def vectors(request: web.Request) -> web.Response:
        asked = await body.parse(request, schema, packs=True)
        given: Any = asked.image if isinstance(asked, Images) else asked.text
        items = given if isinstance(given, list) else [given]
        outputs = await embed(
            request, await wanted_of(request, asked), items, "image" if isinstance(asked, Images) else "text"
        )
        return reply.negotiated(
            request, head(request, asked) | {"embeddings": [output["embedding"] for output in outputs]}
        )

    return vectors


def comparison(schema: type[Comparison]) -> Handler:
    """A handler that answers similarities."""

    async def compare(request: web.Request) -> web.Response:
        asked = await body.parse(request, schema, packs=True)
        prompts = asked.prompt if isinstance(asked.prompt, (list, dict)) else [asked.prompt]
        others = list(prompts.values()) if isinstance(prompts, dict) else prompts
        found = await similarity(request, asked, others)
        shown = dict(zip(prompts, found, strict=True)) if isinstance(prompts, dict) else found
        return reply.negotiated(request, head(request, asked) | {"similarity": shown, "parent_id": None})

    return compare


async def similarity(request: web.Request, asked: Comparison, others: Sequence[Item]) -> list[float]:
    """Texts go with the subject, whose worker remembers their vectors; images are embedded as the subject is."""
    images.check_count(request, len(others))
    if asked.prompt_type == "text":
        texts = [other for other in others if isinstance(other, str)]
        if len(texts) != len(others):
            raise InvalidRequest("The prompts are said to be texts and are not; look at prompt_type.")
        (output,) = await embed(
            request, await wanted_of(request, asked, texts=texts), [asked.subject], asked.subject_type
        )
        likeness: list[float] = output["similarity"]
        return likeness
    wanted = await wanted_of(request, asked)
    (subject,) = await embed(request, wanted, [asked.subject], asked.subject_type)
    return [cosine(subject["embedding"], each["embedding"]) for each in await embed(request, wanted, others, "image")]


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    """Of the angle between two vectors; 0 where one has no length."""
    lengths = math.hypot(*one) * math.hypot(*other)
    return sum(map(mul, one, other)) / lengths if lengths else 0.0


def routes(prefix: str, kinds: tuple[type[Images], type[Texts], type[Comparison]]) -> list[Route]:
    """The three routes of a family."""
    rows = (
        ("embed_image", kinds[0], embedding(kinds[0]), embeddings.EmbeddingAnswer, "Images as vectors."),
        ("embed_text", kinds[1], embedding(kinds[1]), embeddings.EmbeddingAnswer, "Texts as vectors."),
        ("compare", kinds[2], comparison(kinds[2]), embeddings.ComparisonAnswer, "How alike images and texts are."),
    )
    return [
        Route(
            method="POST",
            path=f"/{prefix}/{name}",
            handler=handler,
            tag="Inference",
            summary=summary,
            scope="infer",
            body=schema,
            answer=answer,
            also_as=("application/msgpack",),
            status=(404, 413, 504),
            leaves=True,
        )
        for name, schema, handler, answer, summary in rows
    ]


ROUTES = [
    *routes("clip", (embeddings.ClipImages, embeddings.ClipTexts, embeddings.ClipComparison)),
    *routes(
        "perception_encoder",
        (
            embeddings.PerceptionEncoderImages,
            embeddings.PerceptionEncoderTexts,
            embeddings.PerceptionEncoderComparison,
        ),
    ),
]
