"""Text in images: ``POST /doctr/ocr``, ``/ocr/trocr``, ``/ocr/pp-ocr``. A list of images is answered by a list."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from api_service import body, reply
from api_service.context import call_of
from api_service.images import load_all
from api_service.inference import Wanted, plan, run
from api_service.route import Handler, Route
from api_service.schemas import ocr
from api_service.schemas.ocr import OcrRequest

TASKS = frozenset({"ocr"})


def handler_for(schema: type[OcrRequest]) -> Handler:
    """A handler that runs models of one family."""

    async def read(request: web.Request) -> web.Response:
        asked = await body.parse(request, schema, packs=True)
        model, hardware = await plan(request, asked.named, TASKS, asked.hardware or "any")
        images = asked.image if isinstance(asked.image, list) else [asked.image]
        outputs = await run(request, Wanted(model, hardware, asked.params()), await load_all(request, images))
        seconds = call_of(request).elapsed()
        shown = [answer(output, seconds, boxes=asked.boxes) for output in outputs]
        return reply.negotiated(request, shown if isinstance(asked.image, list) else shown[0])

    return read


def answer(output: dict[str, Any], seconds: float, *, boxes: bool) -> dict[str, Any]:
    """A worker's output in the shape of the wire contract."""
    shown = {"result": output["result"], "time": seconds, "parent_id": None}
    if boxes and "predictions" in output:
        shown |= {"image": output["image"], "predictions": output["predictions"]}
    return shown


def route(path: str, schema: type[OcrRequest], summary: str) -> Route:
    """The route of one family."""
    return Route(
        method="POST",
        path=path,
        handler=handler_for(schema),
        tag="Inference",
        summary=summary,
        scope="infer",
        body=schema,
        answer=ocr.OcrAnswer,
        listed=True,
        also_as=("application/msgpack",),
        status=(404, 413, 504),
        leaves=True,
    )


ROUTES = [
    route("/doctr/ocr", ocr.DoctrRequest, "Find the words of a page and read them."),
    route("/ocr/trocr", ocr.TrocrRequest, "Read the line of text that an image shows."),
    route("/ocr/pp-ocr", ocr.PpOcrRequest, "Find the text in an image and read it."),
]
