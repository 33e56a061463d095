"""Models, health, fleet, metrics, pages and the golden route table."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from api_service.openapi import document
from api_service.route import discover
from api_service.settings import ApiSettings
from api_service.version import VERSION
from shared.errors import ModelLoadFailed
from tests.unit.api.fakes import MemoryFleet, MemoryQueue

GOLDEN = Path(__file__).parents[2] / "golden"
ENTRY = {"model_id", "task_type", "batch_size", "input_height", "input_width", "vram_bytes"}


async def test_registry_add_remove_clear(client: TestClient, queue: MemoryQueue) -> None:
    assert (await (await client.get("/model/registry?api_key=None")).json())["models"] == []
    added = await (await client.post("/model/add", json={"model_id": "team/7", "api_key": None})).json()
    assert queue.seen[0].kind == "load"
    (entry,) = added["models"]
    assert set(entry) == ENTRY | {"request_aliases", "request_paths"}
    assert (entry["model_id"], entry["task_type"], entry["input_width"]) == ("team/7", "object-detection", 320)
    assert set(added) >= {"total_vram_bytes", "gpu_memory_used", "gpu_memory_total", "torch_cuda_allocated"}
    assert await (await client.get("/model/registry")).json() == added
    assert (await client.post("/model/add", json={"model_id": "team/7"})).status == 200
    removed = await client.post("/model/remove", json={"model_id": "team/7"})
    assert (await removed.json())["models"] == []
    assert (await client.post("/model/remove", json={"model_id": "never/1"})).status == 200
    assert (await client.post("/model/clear")).status == 200


async def test_add_answers_the_very_name_that_was_asked_for(client: TestClient) -> None:
    added = await (await client.post("/model/add", json={"model_id": "shapes"})).json()
    assert {entry["model_id"] for entry in added["models"]} == {"shapes-detector", "shapes"}


@pytest.mark.parametrize(
    ("model_id", "status"), [("nobody/1", 404), ("../x", 400), ("gpu-only", 503), (None, 422), (5, 422)]
)
async def test_add_refuses(client: TestClient, model_id: object, status: int) -> None:
    assert (await client.post("/model/add", json={"model_id": model_id})).status == status


async def test_a_failed_load_is_not_listed(client: TestClient, queue: MemoryQueue, fleet: MemoryFleet) -> None:
    queue.load_error = ModelLoadFailed("The weights are of an unknown layout.")
    answer = await client.post("/model/add", json={"model_id": "team/7"})
    assert (answer.status, (await answer.json())["code"]) == (500, "model_load_failed")
    assert fleet.fleet.active == set()


async def test_older_forms(client: TestClient, fleet: MemoryFleet) -> None:
    started = await client.get("/start/team/7?api_key=x")
    assert await started.json() == {"status": 200, "message": "inference session started from local memory."}
    assert fleet.fleet.active == {"team/7"}
    assert await (await client.get("/clear_cache")).json() == "Cache Cleared"
    assert fleet.fleet.active == set()


async def test_info(client: TestClient) -> None:
    first, second = [await (await client.get("/info")).json() for _ in range(2)]
    assert first == second
    assert set(first) == {"name", "version", "uuid"}
    assert first["version"] == VERSION


def test_the_version_is_that_of_the_package() -> None:
    assert f'\nversion = "{VERSION}"\n' in (Path(__file__).parents[3] / "pyproject.toml").read_text()


async def test_health_and_readiness(client: TestClient, fleet: MemoryFleet) -> None:
    assert await (await client.get("/healthz")).json() == {"status": "healthy"}
    assert await (await client.get("/readiness")).json() == {"status": "ready"}
    fleet.fleet.workers[0].state = "draining"
    answer = await client.get("/readiness")
    assert (answer.status, (await answer.json())["status"]) == (503, "not ready")
    fleet.down = True
    assert (await client.get("/readiness")).status == 503
    assert (await client.get("/healthz")).status == 200
    assert (await client.head("/healthz")).status == 200


async def test_fleet_and_models(client: TestClient) -> None:
    fleet = await (await client.get("/v1/fleet")).json()
    assert set(fleet) == {"workers", "models", "queues"}
    assert fleet["workers"][0]["hardware"] == "cpu"
    assert fleet["queues"][0]["waiting"] == 2
    models = await (await client.get("/v1/models")).json()
    assert models["models"] == fleet["models"]
    assert {"id", "task", "labels", "available_on", "loaded_on"} <= set(models["models"][0])


async def test_fleet_without_redis_is_a_problem(client: TestClient, fleet: MemoryFleet) -> None:
    fleet.down = True
    answer = await client.get("/v1/fleet")
    assert answer.status == 503
    assert answer.content_type == "application/problem+json"
    assert answer.headers["Retry-After"] == "1"


async def test_metrics(client: TestClient, fleet: MemoryFleet) -> None:
    await client.get("/unknown-path-1")
    await client.get("/healthz")
    text = await (await client.get("/metrics")).text()
    assert 'visionfleet_http_requests_total{method="GET",route="/healthz",status="200"} 1.0' in text
    assert 'visionfleet_queue_waiting{hardware="any",lane="live",model="shapes-detector"} 2.0' in text
    assert 'visionfleet_worker_held_models{hardware="cpu",worker="w1"} 1.0' in text
    assert "unknown-path" not in text
    fleet.down = True
    text = await (await client.get("/metrics")).text()
    assert "visionfleet_queue_reachable 0.0" in text
    assert "visionfleet_worker" not in text


async def test_playground_and_docs_are_local_and_guarded(client: TestClient) -> None:
    for path in ("/", "/docs"):
        page = await client.get(path)
        assert (page.status, page.content_type) == (200, "text/html")
        assert "default-src 'self'" in page.headers["Content-Security-Policy"]
        assert "unsafe-inline' 'self'" not in page.headers["Content-Security-Policy"]
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert "//" not in (await page.text()).replace("http://www.w3.org", "").split("<body")[0]
        again = await client.get(path, headers={"If-None-Match": page.headers["ETag"]})
        assert (again.status, await again.read()) == (304, b"")
    for path in ("/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css", "/docs/start.js", "/web/js/main.js"):
        assert (await client.get(path)).status == 200
    for path in ("/docs/../app.py", "/docs/%2e%2e%2fapp.py", "/web/../settings.py", "/web/%2e%2e/settings.py"):
        assert (await client.get(path)).status == 404


async def test_errors_of_the_router(client: TestClient) -> None:
    missing = await client.get("/nothing")
    assert (missing.status, (await missing.json())["code"]) == (404, "not_found")
    wrong = await client.delete("/v1/jobs")
    assert (wrong.status, wrong.headers["Allow"]) == (405, "GET, HEAD, POST")
    assert (await wrong.json(content_type="application/problem+json"))["code"] == "method_not_allowed"


def test_switched_off_pages_have_no_routes() -> None:
    paths = {route.path for route in discover(ApiSettings(docs=False, playground=False))}
    assert not paths & {"/", "/docs", "/openapi.json"}


def test_switched_off_models_and_forms_have_no_routes(monkeypatch: pytest.MonkeyPatch) -> None:
    every = {route.path for route in discover(ApiSettings())}
    monkeypatch.setenv("CORE_MODELS_ENABLED", "False")
    monkeypatch.setenv("LEGACY_ROUTE_ENABLED", "False")
    gone = every - {route.path for route in discover(ApiSettings())}
    assert {"/clip/embed_image", "/perception_encoder/compare", "/{project}/{version}"} <= gone
    assert not {path for path in gone if path.startswith(("/infer", "/v1", "/model", "/workflows"))}


def test_golden_routes(app: web.Application) -> None:
    """To renew: python -m tests.unit.api.renew_golden."""
    table = [f"{route.method:6} {route.scope:7} {route.path}" for route in discover(ApiSettings())]
    assert "\n".join(table) + "\n" == (GOLDEN / "routes.txt").read_text()


def test_golden_openapi() -> None:
    """To renew: python -m tests.unit.api.renew_golden."""
    made = orjson.dumps(document(discover(ApiSettings())), option=orjson.OPT_INDENT_2) + b"\n"
    assert made.decode() == (GOLDEN / "openapi.json").read_text()


def test_openapi_is_complete() -> None:
    made = document(discover(ApiSettings()))
    text = orjson.dumps(made).decode()
    named = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert named <= set(made["components"]["schemas"])
    ids = [operation["operationId"] for path in made["paths"].values() for operation in path.values()]
    assert len(ids) == len(set(ids))


async def test_openapi_is_served(client: TestClient) -> None:
    answer = await client.get("/openapi.json")
    assert (await answer.json())["openapi"] == "3.1.0"
