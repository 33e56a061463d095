"""The oldest route: ``GET|POST /{project}/{version}``, image in the body or by URL, options in the query.

The body is base64 text whatever the Content-Type says (clients call it JSON or a form), unless it is multipart.
"""

from __future__ import annotations

from aiohttp import web

from api_service import body, images, multipart, reply
from api_service.context import call_of
from api_service.inference import Wanted, answer, new_inference_id, plan, run
from api_service.route import Route
from api_service.schemas.answers import InferenceAnswer
from api_service.schemas.legacy import LegacyQuery
from shared.errors import InvalidImage, InvalidRequest, VisionfleetError

PNG = b"\x89PNG"


async def infer(request: web.Request) -> web.Response:
    """One image through one model, of whatever task."""
    model_id = f"{request.match_info['project']}/{request.match_info['version']}"
    wanted = body.query(request, LegacyQuery)
    model, hardware = await plan(request, model_id, None, wanted.hardware)
    image = await image_of(request, wanted)
    output = (await run(request, Wanted(model, hardware, wanted.params()), [image]))[0]
    if wanted.format == "image":
        return picture(output.get("visualization"))
    return reply.json(answer(output, new_inference_id(), call_of(request).elapsed()))


async def image_of(request: web.Request, wanted: LegacyQuery) -> bytes:
    """The image: by URL, else from a multipart ``file``, else the body as base64 text."""
    if wanted.image is not None:
        return await images.fetch(request, wanted.image)
    content_type = request.headers.get("Content-Type", "")
    if not content_type:
        raise InvalidRequest("Content-Type header not provided with request.")
    if "multipart/form-data" in content_type:
        form = await multipart.read(request)
        if not form.files.get("file"):
            raise InvalidImage("The multipart request has no file part named 'file'.")
        return form.files["file"][0]
    raw = await body.read(request)
    if wanted.image_type.lower() != "base64":
        raise InvalidImage(images.REFUSED.get(wanted.image_type.lower(), "The image_type is not known; use 'base64'."))
    return await images.decode_base64(raw)


def picture(drawn: object) -> web.Response:
    """The drawn image itself."""
    if not isinstance(drawn, bytes):
        raise VisionfleetError("The worker made no picture for this task.")
    return web.Response(body=drawn, content_type="image/png" if drawn.startswith(PNG) else "image/jpeg")


ROUTES = [
    Route(
        method=method,
        path="/{project}/{version}",
        handler=infer,
        tag="Inference",
        summary="Run a model of any task on one image (the Roboflow v0 form).",
        scope="infer",
        query=LegacyQuery,
        answer=InferenceAnswer,
        status=(404, 413, 504),
        last=True,
        leaves=True,
        enabled=lambda settings: settings.legacy_routes,
    )
    for method in ("GET", "POST")
]
