"""The playground: ``/`` and the files of ``web/``."""

from __future__ import annotations

from aiohttp import web

from api_service.context import PAGES
from api_service.route import Route
from api_service.settings import ApiSettings

INDEX = "index.html"
STREAMS = "streams.html"


async def index(request: web.Request) -> web.Response:
    """The page."""
    return serve(request, INDEX)


async def streams(request: web.Request) -> web.Response:
    """The page of cameras and videos."""
    return serve(request, STREAMS)


async def file(request: web.Request) -> web.Response:
    """A script, style or picture of the page."""
    return serve(request, request.match_info["path"])


def serve(request: web.Request, path: str) -> web.Response:
    """A file that was read at start; a path is a name in a table, never a path on disk."""
    asset = request.app[PAGES].get(path)
    if asset is None:
        raise web.HTTPNotFound
    return asset.response(request)


def enabled(settings: ApiSettings) -> bool:
    """Whether the settings want the playground."""
    return settings.playground


TAG = "Playground"
ROUTES = [
    Route("GET", "/", index, TAG, "The playground.", enabled=enabled, scope="public"),
    Route("GET", "/streams", streams, TAG, "Cameras and videos.", enabled=enabled, scope="public"),
    Route("GET", "/web/{path:.+}", file, TAG, "Files of the playground.", enabled=enabled, scope="public"),
]
