"""The files behind ``/docs``: Swagger UI as installed, our page around it, and the OpenAPI document."""

from __future__ import annotations

import asyncio
from pathlib import Path

import swagger_ui_bundle

from api_service.assets import Asset, read_folder
from api_service.openapi import document
from api_service.reply import dumps
from api_service.route import Route

PAGE = b"""<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>Visionfleet API</title>
  <link rel="icon" href="/docs/favicon-32x32.png" type="image/png">
  <link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
  <div id="swagger-ui"></div>
  <script src="/docs/swagger-ui-bundle.js"></script>
  <script src="/docs/start.js"></script>
</body>
</html>
"""
START = b"""SwaggerUIBundle({ url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null });
"""
BUNDLE_FILES = ("swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png")


class Docs:
    """The files by name. The document is made when somebody wants it: it would be a quarter of a start's time."""

    def __init__(self, routes: list[Route]) -> None:
        (script,) = Path(swagger_ui_bundle.__file__).parent.rglob("swagger-ui-bundle.js")
        self.files: dict[str, Asset] = {
            **read_folder(script.parent, BUNDLE_FILES),
            "index.html": Asset.of(PAGE, "text/html"),
            "start.js": Asset.of(START, "text/javascript"),
        }
        self._routes = routes
        self._document: Asset | None = None

    async def document(self) -> Asset:
        """OpenAPI's JSON. Whoever asks while it is made makes the same again."""
        if self._document is None:
            self._document = await asyncio.to_thread(self._made)
        return self._document

    def _made(self) -> Asset:
        return Asset.of(dumps(document(self._routes)), "application/json")
