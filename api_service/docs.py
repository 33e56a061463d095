"""The files behind ``/docs``: Swagger UI as installed, our page around it, and the OpenAPI document."""

from __future__ import annotations

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


def read(routes: list[Route]) -> dict[str, Asset]:
    """File name -> file."""
    (script,) = Path(swagger_ui_bundle.__file__).parent.rglob("swagger-ui-bundle.js")
    return {
        **read_folder(script.parent, BUNDLE_FILES),
        "index.html": Asset.of(PAGE, "text/html"),
        "start.js": Asset.of(START, "text/javascript"),
        "openapi.json": Asset.of(dumps(document(routes)), "application/json"),
    }
