"""``/openapi.json`` and a page to read and try it, from local files only."""

from __future__ import annotations

from aiohttp import web

from api_service.context import DOCS
from api_service.reply import HTML_HEADERS
from api_service.route import Route
from api_service.settings import ApiSettings

# Swagger UI writes style attributes; scripts still come from this server only.
DOCS_HEADERS = {
    **HTML_HEADERS,
    "Content-Security-Policy": HTML_HEADERS["Content-Security-Policy"] + "; style-src 'self' 'unsafe-inline'",
}


async def openapi(request: web.Request) -> web.Response:
    """The document."""
    return (await request.app[DOCS].document()).response(request)


async def page(request: web.Request) -> web.Response:
    """The page."""
    return request.app[DOCS].files["index.html"].response(request, DOCS_HEADERS)


async def file(request: web.Request) -> web.Response:
    """A script or style of the page."""
    asset = request.app[DOCS].files.get(request.match_info["path"])
    if asset is None:
        raise web.HTTPNotFound
    return asset.response(request, DOCS_HEADERS)


def enabled(settings: ApiSettings) -> bool:
    """Whether the settings want the documentation."""
    return settings.docs


TAG = "Documentation"
ROUTES = [
    Route("GET", "/openapi.json", openapi, TAG, "This document.", enabled=enabled, scope="public"),
    Route("GET", "/docs", page, TAG, "This document as a page.", enabled=enabled, scope="public"),
    Route("GET", "/docs/{path}", file, TAG, "Files of the page.", enabled=enabled, scope="public"),
]
