"""Models that write about images: ``POST /infer/lmm``, with the model in the path or in the body."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from api_service import body, reply, telling
from api_service.context import call_of
from api_service.images import load_all
from api_service.inference import Wanted, answer, new_inference_id, plan, run
from api_service.route import Route
from api_service.schemas.lmm import LmmAnswer, LmmRequest
from shared.errors import InvalidRequest

TASKS = frozenset({"lmm"})


async def write(request: web.Request) -> web.StreamResponse:
    """What the model writes about each image; a list of images is answered by a list. As events where asked to."""
    asked = await body.parse(request, LmmRequest, packs=True)
    in_path = request.match_info.get("model_id", "")
    if in_path and asked.model_id not in ("", in_path):
        raise InvalidRequest(
            f"Model ID mismatch: path specifies '{in_path}' but request body specifies '{asked.model_id}'"
        )
    model, hardware = await plan(request, in_path or asked.model_id, TASKS, asked.hardware or "any")
    many = isinstance(asked.image, list)
    inputs = await load_all(request, asked.image if isinstance(asked.image, list) else [asked.image])
    inference_id, wanted = asked.id or new_inference_id(), Wanted(model, hardware, asked.params())

    def shown(outputs: list[dict[str, Any]]) -> Any:
        seconds = call_of(request).elapsed()
        answers = [answer(output, inference_id, seconds) for output in outputs]
        return answers if many else answers[0]

    if telling.asked_for(request, asked):
        return await telling.tell(request, wanted, inputs, shown)
    return reply.negotiated(request, shown(await run(request, wanted, inputs)))


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
        events=True,
        leaves=True,
    )
    for path in ("/infer/lmm", "/infer/lmm/{model_id:.+}")
]
