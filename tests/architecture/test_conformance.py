"""docs/conformance.md names tests that exist, and every route that it should."""

from __future__ import annotations

import re

import pytest

from api_service.route import discover
from api_service.settings import ApiSettings
from tests.architecture.tree import ROOT

PAGE = (ROOT / "docs" / "conformance.md").read_text()
SHOWN = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
# Of Roboflow's server: inference, models, health, pictures.
CONTRACT = (
    *("GET /", "GET /info", "GET /metrics", "GET /healthz", "GET /readiness", "GET /model/registry"),
    *("POST /model/add", "POST /model/remove", "POST /model/clear", "GET /clear_cache"),
    *("GET /start/{project}/{version}", "POST /infer/object_detection", "POST /infer/instance_segmentation"),
    *("POST /infer/semantic_segmentation", "POST /infer/classification", "POST /infer/keypoints_detection"),
    *("GET /{project}/{version}", "POST /{project}/{version}"),
)
ROWS = [line for line in PAGE.split("## Differences")[0].splitlines() if re.match(r"\| [^-]", line)]


@pytest.mark.parametrize("row", [row for row in ROWS if "Shown by" not in row], ids=lambda row: row[:40])
def test_every_row_is_shown_by_a_test_that_exists(row: str) -> None:
    named = SHOWN.findall(row)
    assert named or "| coming with " in row or "| not " in row
    for path, name in named:
        source = (ROOT / path).read_text()
        assert not name or re.search(rf"^(async )?def {name}\(", source, re.MULTILINE), f"{path} has no {name}"


def test_every_route_of_the_contract_is_listed_and_served() -> None:
    served = {f"{route.method} {route.path}" for route in discover(ApiSettings())}
    assert [route for route in CONTRACT if route not in served] == []
    shown = {route for row in ROWS if SHOWN.search(row) for route in re.findall(r"`([A-Z]+ /[^`]*)`", row)}
    assert [route for route in CONTRACT if route not in shown] == []


def test_typed_routes_are_not_forgotten() -> None:
    routes = [route for route in discover(ApiSettings()) if route.path.startswith("/infer/")]
    typed = {f"{route.method} {re.sub(r':[^}]*}', '}', route.path)}" for route in routes}
    assert [route for route in typed if route not in PAGE and "workflows" not in route] == []
