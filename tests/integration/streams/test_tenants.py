"""Streams, pipelines, saved workflows and workflow steps of two tenants: a key sees, steers and uses only its own."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest

from shared.access.key import Limits
from shared.access.store import KeyStore, Wanted
from shared.redis import connect_async
from shared.settings import RedisSettings
from tests.cameras.camera import Camera
from tests.integration.streams.system import ROOT, System
from tests.integration.streams.test_workflows import DETECT, workflow
from tests.redis_server import RedisServer, free_port

pytestmark = [pytest.mark.integration, pytest.mark.timeout(150)]
FOUND = "$steps.classify.predictions"
GOLDEN = ROOT / "tests" / "golden" / "routes.txt"
SCENE = ROOT / "examples" / "images" / "scene.jpg"
DETECTOR = {"model_id": "shapes-detector"}
CLASSIFY = {
    "type": "roboflow_core/roboflow_classification_model@v2",
    "name": "classify",
    "images": "$inputs.image",
    "model_id": "shapes-classifier",
}


class Tenants(NamedTuple):
    """A running API, and the keys of two tenants, of one that may use a single model, and of an administrator."""

    url: str
    one: str
    two: str
    narrow: str
    admin: str

    async def call(self, key: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        headers, timeout = {"Authorization": f"Bearer {key}"}, aiohttp.ClientTimeout(90)
        async with (
            aiohttp.ClientSession(self.url, headers=headers, timeout=timeout) as session,
            session.request(method, path, json=body) as answer,
        ):
            return answer.status, await answer.json() if answer.content_type.endswith("json") else None


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Of its own: a server that has seen a key asks for keys ever after."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    system = System(server.url, tmp_path_factory.mktemp("tenants"))
    system.worker()
    system.streams()
    yield system
    system.kill()
    server.kill()


@pytest.fixture(scope="module")
def address(processes: System) -> str:
    port = free_port()
    # Without it a server on loopback is open until it has seen the first key, half a second at most.
    closed = {"VISIONFLEET_REQUIRE_KEYS": "true"}
    patient = {"VISIONFLEET_STREAM_PROBE_TIMEOUT_S": "60", "VISIONFLEET_REQUEST_TIMEOUT_S": "60"}
    processes.start("api_service", VISIONFLEET_PORT=str(port), VISIONFLEET_MULTI_TENANT="true", **closed, **patient)
    return f"http://127.0.0.1:{port}"


@pytest.fixture
async def tenants(system: System, address: str) -> AsyncIterator[Tenants]:
    client = connect_async(RedisSettings(redis_url=system.variables["VISIONFLEET_REDIS_URL"]))
    store, scopes = KeyStore(client), ["infer", "jobs", "models", "streams"]

    async def made(name: str, *models: str, scope: list[str] = scopes) -> str:
        return (await store.create(Wanted(name, scope, models=models, limits=Limits())))[1]

    keys = [await made("one"), await made("two"), await made("narrow", "shapes-d*")]
    keys.append(await made("admin", scope=["admin"]))
    found = Tenants(address, *keys)

    async def serves() -> bool:
        try:
            return bool((await found.call(keys[0], "GET", "/v1/models"))[1]["models"])
        except (aiohttp.ClientError, KeyError):
            return False

    await system.until(serves, "the API", 60)
    yield found
    await client.aclose()


async def lists(tenants: Tenants, key: str, wanted: list[str]) -> bool:
    status, said = await tenants.call(key, "GET", "/v1/streams")
    return status == 200 and [one["id"] for one in said["streams"]] == wanted


def steering(stream: str) -> list[tuple[str, str]]:
    """Every route that names a stream."""
    rows = [line.split() for line in GOLDEN.read_text().splitlines()]
    wanted = ("/v1/streams/{id}", "/inference_pipelines/{id}")
    return [
        (row[0], row[2].replace("{id}", stream).replace("{source_id}", "0"))
        for row in rows
        if row[2].startswith(wanted)
    ]


BODIES: dict[tuple[str, str], Any] = {("PATCH", ""): {"max_fps": 1}, ("POST", "/sources"): {"reference": "rtsp://x/y"}}


async def test_a_stream_is_its_tenant_s(tenants: Tenants, camera: Camera, system: System) -> None:
    wanted = {"sources": [{"reference": camera.url}], "model": DETECTOR}
    status, stream = await tenants.call(tenants.one, "POST", "/v1/streams", wanted)
    assert status == 201, stream
    pipeline = {
        "video_configuration": {"type": "VideoConfiguration", "video_reference": camera.url},
        "processing_configuration": {"type": "ModelConfiguration", "model_id": "shapes-detector"},
    }
    status, begun = await tenants.call(tenants.two, "POST", "/inference_pipelines/initialise", pipeline)
    assert status == 200, begun
    other = begun["context"]["pipeline_id"]
    for name, mine in ((tenants.one, [stream["id"]]), (tenants.two, [other]), (tenants.admin, [stream["id"], other])):
        await system.until(partial(lists, tenants, name, mine), f"the streams {mine}")
        assert (await tenants.call(name, "GET", "/inference_pipelines/list"))[1]["pipelines"] == mine
    routes = steering(stream["id"])
    assert len(routes) >= 17
    for method, path in routes:
        body = BODIES.get((method, path.removeprefix(f"/v1/streams/{stream['id']}")))
        status, said = await tenants.call(tenants.two, method, path, body)
        assert (status, said["code"]) == (404, "stream_not_found"), (method, path, said)
    await system.flowing(stream["id"])
    shown = await tenants.call(tenants.admin, "POST", f"/v1/streams/{stream['id']}/mute")
    assert (shown[0], shown[1]["desired"]) == (200, "muted")
    assert (await tenants.call(tenants.one, "DELETE", f"/v1/streams/{stream['id']}"))[0] == 204
    assert (await tenants.call(tenants.admin, "DELETE", f"/v1/streams/{other}"))[0] == 204


async def test_a_key_s_models_hold_on_streams(tenants: Tenants, camera: Camera, system: System) -> None:
    hidden = {"sources": [{"reference": camera.url}], "model": {"model_id": "shapes-classifier"}}
    assert (await tenants.call(tenants.narrow, "POST", "/v1/streams", hidden))[1]["code"] == "model_not_found"
    assert (await tenants.call(tenants.narrow, "POST", "/v1/streams/probe", hidden))[1]["code"] == "model_not_found"
    definition = workflow(CLASSIFY, output="$steps.classify.predictions")
    running = {"sources": [{"reference": camera.url}], "workflow": {"specification": definition}}
    status, stream = await tenants.call(tenants.narrow, "POST", "/v1/streams", running)
    assert status == 201, stream
    await system.until_source(stream["id"], lambda one: one["counts"].get("model_failed", 0) > 2, "refusals")
    assert (await system.source(stream["id"]))["counts"].get("ok", 0) == 0
    path = f"/v1/streams/{stream['id']}"
    # An administrator's change is made with an administrator's rights; a change of something else changes no rights.
    widened = {"workflow": {"specification": definition, "parameters": {"unused": 1}}}
    assert (await tenants.call(tenants.admin, "PATCH", path, {"max_fps": 20}))[0] == 200
    assert not (await system.store.get(stream["id"])).spec.workflow.parameters  # type: ignore[union-attr] # it has one
    assert (await tenants.call(tenants.admin, "PATCH", path, widened))[0] == 200
    await system.flowing(stream["id"])
    allowed = {"workflow": {"specification": workflow(DETECT, output="$steps.detect.predictions")}}
    assert (await tenants.call(tenants.narrow, "PATCH", path, allowed))[0] == 200
    await system.flowing(stream["id"])
    assert (await tenants.call(tenants.narrow, "DELETE", path))[0] == 204


async def test_a_key_s_models_hold_in_workflow_steps(tenants: Tenants) -> None:
    image = {"type": "base64", "value": await asyncio.to_thread(encoded, SCENE)}
    body = {"specification": workflow(CLASSIFY, output="$steps.classify.predictions"), "inputs": {"image": image}}
    for path in ("/workflows/run", "/infer/workflows"):
        assert (await tenants.call(tenants.one, "POST", path, body))[0] == 200
        assert (await tenants.call(tenants.narrow, "POST", path, body))[0] == 404
    nested = {**CLASSIFY, "type": "roboflow_core/roboflow_object_detection_model@v2", "model_id": "shapes-detector"}
    body["specification"] = workflow(nested, output="$steps.classify.predictions")
    assert (await tenants.call(tenants.narrow, "POST", "/workflows/run", body))[0] == 200


async def test_saved_workflows_are_their_tenant_s(tenants: Tenants) -> None:
    definition = workflow(DETECT, output="$steps.detect.predictions")
    wanted = {"id": "tenants-own", "definition": definition, "check": False}
    assert (await tenants.call(tenants.one, "POST", "/v1/workflows", wanted))[0] == 201
    image = {"type": "base64", "value": await asyncio.to_thread(encoded, SCENE)}
    run = {"inputs": {"image": image}}
    for key, status in ((tenants.two, 404), (tenants.one, 200), (tenants.admin, 200)):
        listed = (await tenants.call(key, "GET", "/v1/workflows"))[1]["workflows"]
        assert ("tenants-own" in [one["id"] for one in listed]) == (status == 200)
        for method, path, body in (
            ("GET", "/v1/workflows/tenants-own", None),
            ("POST", "/local/workflows/tenants-own", run),
            ("POST", "/infer/workflows/local/tenants-own", run),
            ("POST", "/local/workflows/tenants-own/describe_interface", {}),
        ):
            assert (await tenants.call(key, method, path, body))[0] == status, (method, path)
    assert (await tenants.call(tenants.two, "PUT", "/v1/workflows/tenants-own", wanted))[1]["code"] == "workflow_taken"
    assert (await tenants.call(tenants.two, "DELETE", "/v1/workflows/tenants-own"))[0] == 404
    assert (await tenants.call(tenants.admin, "PUT", "/v1/workflows/tenants-own", wanted))[1]["version"] == 2
    assert (await tenants.call(tenants.one, "GET", "/v1/workflows/tenants-own"))[1]["version"] == 2  # it stays one's
    assert (await tenants.call(tenants.one, "DELETE", "/v1/workflows/tenants-own"))[0] == 204


def encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


async def test_inner_and_batched_workflows_are_held_to_the_same(tenants: Tenants, system: System) -> None:
    wanted = {"id": "tenants-inner", "definition": workflow(DETECT, output="$steps.detect.predictions"), "check": False}
    assert (await tenants.call(tenants.one, "POST", "/v1/workflows", wanted))[0] == 201
    inner = {
        "type": "roboflow_core/inner_workflow@v1",
        "name": "inner",
        "workflow_workspace_id": "local",
        "workflow_id": "tenants-inner",
        "parameter_bindings": {"image": "$inputs.image"},
    }
    outer = workflow(inner, output="$steps.inner.found")
    image = {"type": "base64", "value": await asyncio.to_thread(encoded, SCENE)}
    run = {"specification": outer, "inputs": {"image": image}}
    assert (await tenants.call(tenants.one, "POST", "/workflows/run", run))[0] == 200
    status, said = await tenants.call(tenants.two, "POST", "/workflows/run", run)
    assert status in {400, 404}, said
    saved = {"workflow": {"id": "tenants-inner"}}
    assert (await batch(tenants, tenants.two, saved))[0] == 404
    assert (await batch(tenants, tenants.two, {"workflow": {"specification": outer}}))[0] in {400, 404}
    status, begun = await batch(
        tenants, tenants.narrow, {"workflow": {"specification": workflow(CLASSIFY, output=FOUND)}}
    )
    assert status == 202, begun

    async def over() -> bool:
        return (await tenants.call(tenants.narrow, "GET", f"/v1/batches/{begun['id']}"))[1]["state"] in {
            "succeeded",
            "failed",
        }

    await system.until(over, "the batch", 60)
    ended = (await tenants.call(tenants.narrow, "GET", f"/v1/batches/{begun['id']}"))[1]
    assert (ended["done"], ended["failed"]) == (1, 1), ended
    assert (await tenants.call(tenants.one, "GET", f"/v1/batches/{begun['id']}"))[0] == 404


async def batch(tenants: Tenants, key: str, wanted: dict[str, Any]) -> tuple[int, Any]:
    """Submit a batch of one file."""
    form = aiohttp.FormData()
    form.add_field("batch", json.dumps(wanted))
    form.add_field("image", await asyncio.to_thread(SCENE.read_bytes), filename="scene.jpg")
    headers = {"Authorization": f"Bearer {key}"}
    async with (
        aiohttp.ClientSession(tenants.url, headers=headers) as session,
        session.post("/v1/batches", data=form) as answer,
    ):
        return answer.status, await answer.json()
