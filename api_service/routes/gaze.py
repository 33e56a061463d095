"""Where faces look: ``POST /gaze/gaze_detection``, whose answer is always a list."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from api_service import body, reply
from api_service.context import call_of
from api_service.images import load_all
from api_service.inference import Wanted, plan, run
from api_service.route import Route
from api_service.schemas.gaze import GazeDetectionAnswer, GazeDetectionRequest
from shared.errors import ModelNotFound

TASKS = frozenset({"gaze-detection"})


async def detect(request: web.Request) -> web.Response:
    """Faces and their looks, one entry per image. Raises ModelNotFound, saying what to install."""
    asked = await body.parse(request, GazeDetectionRequest, packs=True)
    try:
        model, hardware = await plan(request, asked.named, TASKS, asked.hardware or "any")
    except ModelNotFound as error:
        raise ModelNotFound(
            f"There is no model {asked.named!r}. Put face.onnx (YuNet) and gaze.onnx (L2CS) into a folder and run "
            f"visionfleet models add FOLDER --id {asked.named}; docs/families.md says where they come from.",
            model=asked.named,
        ) from error
    images = await load_all(request, asked.image if isinstance(asked.image, list) else [asked.image])
    outputs = await run(request, Wanted(model, hardware, asked.params()), images)
    seconds = call_of(request).elapsed()
    return reply.negotiated(request, [shown(output, seconds) for output in outputs])


def shown(output: dict[str, Any], seconds: float) -> dict[str, Any]:
    """A worker's output in the shape of the wire contract."""
    return {"predictions": output["predictions"], "time": seconds, "time_face_det": None, "time_gaze_det": None}


ROUTES = [
    Route(
        method="POST",
        path="/gaze/gaze_detection",
        handler=detect,
        tag="Inference",
        summary="Find faces and say where they look.",
        scope="infer",
        body=GazeDetectionRequest,
        answer=GazeDetectionAnswer,
        listed=True,
        also_as=("application/msgpack",),
        status=(404, 413, 504),
        leaves=True,
    )
]
