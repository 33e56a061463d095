"""Text in images: ``POST /doctr/ocr``, ``/easy_ocr/ocr``, ``/ocr/trocr``, ``/ocr/pp-ocr``.

A list of images is answered by a list.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from api_service import body, reply, telling
from api_service.context import call_of
from api_service.images import load_all
from api_service.inference import Wanted, plan, run
from api_service.route import Handler, Route
from api_service.schemas import ocr
from api_service.schemas.base import Written
from api_service.schemas.ocr import OcrRequest

TASKS = frozenset({"ocr"})


def handler_for(schema: type[OcrRequest]) -> Handler:
    """A handler that runs models of one family."""

    async def read(request: web.Request) -> web.StreamResponse:
        asked = await body.parse(request, schema, packs=True)
        model, hardware = await plan(request, asked.named, TASKS, asked.hardware or "any")
        many = isinstance(asked.image, list)
        inputs = await load_all(request, asked.image if isinstance(asked.image, list) else [asked.image])
        wanted = Wanted(model, hardware, asked.params())

        def shown(outputs: list[dict[str, Any]]) -> Any:
            seconds = call_of(request).elapsed()
            answers = [answer(output, seconds, boxes=asked.boxes) for output in outputs]
            return answers if many else answers[0]

        if telling.asked_for(request, asked):
            return await telling.tell(request, wanted, inputs, shown)
        return reply.negotiated(request, shown(await run(request, wanted, inputs)))

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
        events=issubclass(schema, Written),
        leaves=True,
    )


ROUTES = [
    route("/doctr/ocr", ocr.DoctrRequest, "Find the words of a page and read them."),
    route("/easy_ocr/ocr", ocr.EasyOcrRequest, "Find the lines of text in an image and read them."),
    route("/ocr/trocr", ocr.TrocrRequest, "Read the line of text that an image shows."),
    route("/ocr/pp-ocr", ocr.PpOcrRequest, "Find the text in an image and read it."),
]
