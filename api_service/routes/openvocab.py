"""Detectors that are told what to find: ``/yolo_world/infer``, ``/grounding_dino/infer`` and ``/owlv2/infer``."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from api_service import body, images, reply
from api_service.context import call_of
from api_service.inference import Wanted, answer, new_inference_id, plan, run
from api_service.route import Handler, Route
from api_service.schemas.answers import ObjectDetectionAnswer
from api_service.schemas.openvocab import (
    GroundingDinoRequest,
    OpenVocabularyRequest,
    Owlv2Request,
    YoloWorldRequest,
)
from shared.errors import InvalidRequest

TASK = "open-vocabulary-detection"
BAKED = "object-detection"
NULLS = {"visualization": None, "frame_id": None}
"""What Roboflow's answers of two of these have where there is nothing."""


async def baked(request: web.Request, asked: YoloWorldRequest) -> dict[str, Any]:
    """Parameters for an export whose vocabulary was baked in: the texts choose among its labels.

    Raises InvalidRequest for a text that is none of them.
    """
    model, _ = await plan(request, asked.named, frozenset({BAKED}), asked.hardware or "any")
    unknown = [text for text in asked.text if text not in model.labels]
    if unknown:
        raise InvalidRequest(
            f"The model {model.id!r} was exported with its vocabulary; it does not know {', '.join(unknown[:5])}."
        )
    given = asked.params()
    texts = given.pop("texts")
    return {**given, "class_filter": texts}


async def params_of(request: web.Request, asked: OpenVocabularyRequest, task: str) -> dict[str, Any]:
    """The engine's parameters. Raises InvalidRequest when nothing says what to find."""
    if isinstance(asked, YoloWorldRequest) and task == BAKED:
        return await baked(request, asked)
    if not isinstance(asked, Owlv2Request):
        return asked.params()
    if not asked.training_data:
        if asked.text is None:
            raise InvalidRequest("There is nothing to find: give training_data with boxes, or text.")
        return asked.params()
    loaded = await images.load_all(request, [each.image for each in asked.training_data])
    return {**asked.params(), "training": asked.examples(loaded)}


def detect(schema: type[OpenVocabularyRequest], tasks: frozenset[str], nulls: dict[str, Any]) -> Handler:
    """A handler that answers boxes."""

    async def infer_images(request: web.Request) -> web.Response:
        asked = await body.parse(request, schema, packs=True)
        model, hardware = await plan(request, asked.named, tasks, asked.hardware or "any")
        params = await params_of(request, asked, model.task)
        many = isinstance(asked.image, list)
        loaded = await images.load_all(request, asked.image if isinstance(asked.image, list) else [asked.image])
        outputs = await run(request, Wanted(model, hardware, params), loaded)
        inference_id, seconds = asked.id or new_inference_id(), call_of(request).elapsed()
        shown = [nulls | answer(output, inference_id, seconds) for output in outputs]
        return reply.negotiated(request, shown if many else shown[0])

    return infer_images


def route(path: str, handler: Handler, schema: type[OpenVocabularyRequest], summary: str) -> Route:
    """One route."""
    return Route(
        method="POST",
        path=path,
        handler=handler,
        tag="Inference",
        summary=summary,
        scope="infer",
        body=schema,
        answer=ObjectDetectionAnswer,
        listed=True,
        also_as=("application/msgpack",),
        status=(404, 413, 504),
        leaves=True,
    )


OPEN = frozenset({TASK})
ROUTES = [
    route(
        "/yolo_world/infer",
        detect(YoloWorldRequest, OPEN | {BAKED}, {}),
        YoloWorldRequest,
        "Find what texts say: YOLO-World.",
    ),
    route(
        "/grounding_dino/infer",
        detect(GroundingDinoRequest, OPEN, NULLS),
        GroundingDinoRequest,
        "Find what texts say: GroundingDINO.",
    ),
    route("/owlv2/infer", detect(Owlv2Request, OPEN, NULLS), Owlv2Request, "Find what looks like examples: OWLv2."),
]
