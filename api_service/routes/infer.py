"""Typed synchronous inference: ``POST /infer/<task>``. A list of images is answered by a list."""

from __future__ import annotations

from aiohttp import web
from pydantic import BaseModel

from api_service import body, reply
from api_service.context import call_of
from api_service.images import load_all
from api_service.inference import Wanted, answer, new_inference_id, plan, run
from api_service.route import Handler, Route
from api_service.schemas import answers, gaze, infer
from api_service.schemas.base import InferenceRequest


def route(path: str, tasks: set[str], request_schema: type[InferenceRequest], answer_schema: type[BaseModel]) -> Route:
    """The route of one task; ``tasks`` are the manifests' words for it."""
    return Route(
        method="POST",
        path=path,
        handler=handler_for(request_schema, frozenset(tasks)),
        tag="Inference",
        summary=f"Run a model: {', '.join(sorted(tasks))}.",
        scope="infer",
        body=request_schema,
        answer=answer_schema,
        listed=True,
        also_as=("application/msgpack",),
        status=(404, 413, 504),
        leaves=True,
    )


def handler_for(schema: type[InferenceRequest], tasks: frozenset[str]) -> Handler:
    """A handler that runs models of these tasks."""

    async def infer_images(request: web.Request) -> web.Response:
        wanted = await body.parse(request, schema, packs=True)
        model, hardware = await plan(request, wanted.model_id, tasks, wanted.hardware or "any")
        many = isinstance(wanted.image, list)
        images = await load_all(request, wanted.image if isinstance(wanted.image, list) else [wanted.image])
        outputs = await run(request, Wanted(model, hardware, wanted.params()), images)
        inference_id, seconds = wanted.id or new_inference_id(), call_of(request).elapsed()
        shown = [answer(output, inference_id, seconds) for output in outputs]
        return reply.negotiated(request, shown if many else shown[0])

    return infer_images


ROUTES = [
    route("/infer/object_detection", {"object-detection"}, infer.ObjectDetectionRequest, answers.ObjectDetectionAnswer),
    route(
        "/infer/classification",
        {"classification", "multi-label-classification"},
        infer.ClassificationRequest,
        answers.ClassificationAnswer,
    ),
    route(
        "/infer/instance_segmentation",
        {"instance-segmentation"},
        infer.InstanceSegmentationRequest,
        answers.InstanceSegmentationAnswer,
    ),
    route(
        "/infer/keypoints_detection",
        {"keypoint-detection"},
        infer.KeypointsDetectionRequest,
        answers.KeypointsDetectionAnswer,
    ),
    route(
        "/infer/semantic_segmentation",
        {"semantic-segmentation"},
        infer.SemanticSegmentationRequest,
        answers.SemanticSegmentationAnswer,
    ),
    route("/infer/gaze_detection", {"gaze-detection"}, gaze.GazeRequest, gaze.GazeAnswer),
]
