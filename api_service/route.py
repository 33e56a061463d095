"""What a file in ``routes/`` exports: ``ROUTES``, a list of Route. Adding a resource is adding a file.

Files are found by scan, in alphabetical order; two routes with one method and path stop the process. A route with
``last`` is registered after all others, because its path would swallow theirs.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import wraps
from types import ModuleType

from aiohttp import web
from pydantic import BaseModel

from api_service import routes
from api_service.settings import ApiSettings
from shared.access.key import Scope
from shared.registry import Registry

CORE = re.compile(
    r"/(clip|perception_encoder|sam|sam2|sam3|gaze|doctr|easy_ocr|pp_ocr|ocr|grounding_dino|yolo_world|owlv2)/"
)
"""Paths of models with a name of their own, as ``core_models`` switches them."""
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Route:
    """One method on one path.

    Attributes:
        method: HTTP method.
        path: aiohttp path template.
        handler: takes the request, raises shared.errors.
        tag: group in the documentation.
        summary: one line for the documentation.
        scope: what the caller's key must allow: ``public`` needs no key, ``any`` any key that is valid,
            ``optional`` shows nothing to those without one. A route
            without one is refused to everybody but administrators, and fails a test.
        body: schema of the JSON body, when there is one.
        query: schema of the query, when there is one.
        answer: schema of the 200 answer, when it is JSON.
        listed: the answer is a list when the body's image is one.
        also_as: media types beside JSON that the body may have.
        headers: request headers worth documenting, with their meaning.
        events: the answer can also be server-sent events.
        media: media type of the 200 answer when it is not JSON.
        status: codes of errors worth documenting beside 400, 422 and 503.
        last: registered after all others.
        leaves: when the client hangs up, the handler is canceled; the others go on to their end, because a client
            that lost its connection may come back for what it began.
        enabled: whether these settings have the route.
    """

    method: str
    path: str
    handler: Handler
    tag: str
    summary: str
    scope: Scope = ""
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    answer: type[BaseModel] | None = None
    listed: bool = False
    also_as: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    events: bool = False
    media: str = ""
    status: tuple[int, ...] = ()
    last: bool = False
    leaves: bool = False
    enabled: Callable[[ApiSettings], bool] = lambda _: True


def discover(settings: ApiSettings) -> list[Route]:
    """Every route of the folder that the settings enable, those marked ``last`` at the end."""
    found = Registry[Route]("route").scan(routes, _exported)
    wanted = (route for route in found if settings.core_models or not CORE.match(route.path))
    return sorted((route for route in wanted if route.enabled(settings)), key=lambda route: route.last)


def add_routes(app: web.Application, found: list[Route]) -> dict[web.AbstractRoute, Route]:
    """Register routes in their order. ``{project}`` matches no first segment that other routes have.

    Returns what each of the router's routes was declared as.
    """
    ours = {route.path.split("/")[1] for route in found if not route.last and route.path.count("/") > 1}
    project = "{project:(?!(?:" + "|".join(map(re.escape, sorted(ours))) + ")/)[^/]+}"
    made: dict[web.AbstractRoute, Route] = {}
    for route in found:
        path = route.path.replace("{project}", project) if route.last else route.path
        handler = route.handler if route.leaves else to_its_end(route.handler)
        made[app.router.add_route(route.method, path, handler)] = route
        if route.method == "GET":  # probes send HEAD
            made[app.router.add_route("HEAD", path, handler)] = route
    return made


def to_its_end(handler: Handler) -> Handler:
    """The handler, going on when its client hangs up."""

    @wraps(handler)
    async def shielded(request: web.Request) -> web.StreamResponse:
        task = asyncio.ensure_future(handler(request))
        task.add_done_callback(_look)
        return await asyncio.shield(task)

    return shielded


def _look(task: asyncio.Future[web.StreamResponse]) -> None:
    """Take note of an error that nobody is there to be told."""
    if not task.cancelled():
        task.exception()


def _exported(module: ModuleType) -> Iterator[tuple[str, Route]]:
    for route in module.ROUTES:
        yield f"{route.method} {route.path}", route
