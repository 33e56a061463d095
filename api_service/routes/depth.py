"""Depth of one image: ``POST /infer/depth-estimation``, with the model in the path or in the body."""

from __future__ import annotations

from aiohttp import web

from api_service import body, reply
from api_service.images import load_all
from api_service.inference import Wanted, plan, run
from api_service.route import Route
from api_service.schemas.depth import DepthEstimationAnswer, DepthEstimationRequest
from shared.errors import InvalidRequest

TASKS = frozenset({"depth-estimation"})


async def estimate(request: web.Request) -> web.Response:
    """The depth map and its picture."""
    wanted = await body.parse(request, DepthEstimationRequest, packs=True)
    in_path = request.match_info.get("model_id", "")
    if in_path and wanted.model_id not in ("", in_path):
        raise InvalidRequest(
            f"Model ID mismatch: path specifies '{in_path}' but request body specifies '{wanted.model_id}'"
        )
    model, hardware = await plan(request, in_path or wanted.named, TASKS, wanted.hardware or "any")
    (output,) = await run(request, Wanted(model, hardware, wanted.params()), await load_all(request, [wanted.image]))
    shown = {name: output[name] for name in ("normalized_depth", "depth_map_format")}
    return reply.negotiated(request, {**shown, "image": output["visualization"]})


ROUTES = [
    Route(
        method="POST",
        path=path,
        handler=estimate,
        tag="Inference",
        summary="Run a model: depth-estimation.",
        scope="infer",
        body=DepthEstimationRequest,
        answer=DepthEstimationAnswer,
        also_as=("application/msgpack",),
        status=(404, 413, 504),
        leaves=True,
    )
    for path in ("/infer/depth-estimation", "/infer/depth-estimation/{model_id:.+}")
]
