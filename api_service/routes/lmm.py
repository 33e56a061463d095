"""Models that write about images: ``POST /infer/lmm``, with the model in the path or in the body."""

from __future__ import annotations

from aiohttp import web

from api_service import body, reply
from api_service.context import call_of
from api_service.images import load_all
from api_service.inference import Wanted, answer, new_inference_id, plan, run
from api_service.route import Route
from api_service.schemas.lmm import LmmAnswer, LmmRequest
from shared.errors import InvalidRequest

TASKS = frozenset({"lmm"})


async def write(request: web.Request) -> web.Response:
    """What the model writes about each image; a list of images is answered by a list."""
    asked = await body.parse(request, LmmRequest, packs=True)
    in_path = request.match_info.get("model_id", "")
    if in_path and asked.model_id not in ("", in_path):
        raise InvalidRequest(
            f"Model ID mismatch: path specifies '{in_path}' but request body specifies '{asked.model_id}'"
        )
    model, hardware = await plan(request, in_path or asked.model_id, TASKS, asked.hardware or "any")
    images = asked.image if isinstance(asked.image, list) else [asked.image]
    outputs = await run(request, Wanted(model, hardware, asked.params()), await load_all(request, images))
    inference_id, seconds = asked.id or new_inference_id(), call_of(request).elapsed()
    shown = [answer(output, inference_id, seconds) for output in outputs]
    return reply.negotiated(request, shown if isinstance(asked.image, list) else shown[0])


ROUTES = [
    Route(
        method="POST",
        path=path,
        handler=write,
        tag="Inference",
        summary="Ask a model about an image: captions, answers, objects, text, by prompt.",
        scope="infer",
        body=LmmRequest,
        answer=LmmAnswer,
        listed=True,
        also_as=("application/msgpack",),
        status=(404, 413, 504),
        leaves=True,
    )
    for path in ("/infer/lmm", "/infer/lmm/{model_id:.+}")
]
