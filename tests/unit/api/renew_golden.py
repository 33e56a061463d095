"""``python -m tests.unit.api.renew_golden``: write the golden files after a change that is meant."""

from __future__ import annotations

from pathlib import Path

import orjson

from api_service.openapi import document
from api_service.route import discover
from api_service.settings import ApiSettings

GOLDEN = Path(__file__).parents[2] / "golden"

if __name__ == "__main__":
    routes = discover(ApiSettings())
    (GOLDEN / "routes.txt").write_text("".join(f"{route.method:6} {route.scope:7} {route.path}\n" for route in routes))
    (GOLDEN / "openapi.json").write_bytes(orjson.dumps(document(routes), option=orjson.OPT_INDENT_2) + b"\n")
