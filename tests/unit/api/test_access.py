"""Who may call what: scopes of all routes, the places of a key, open servers and their browsers."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from api_service.app import create_app
from api_service.backend import Backend
from api_service.route import Route, discover
from api_service.settings import ApiSettings
from shared.access.token import id_of, new_token
from tests.unit.api.fakes import MemoryDeadLetters, MemoryFleet, MemoryKeys, MemoryLedger, MemoryQueue

ROUTES = [route for route in discover(ApiSettings()) if route.scope not in {"public", "optional"}]
INFER = "/infer/object_detection"


@pytest.fixture
def settings() -> ApiSettings:
    return ApiSettings(host="0.0.0.0", max_body_bytes=64 * 1024)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def path_of(route: Route) -> str:
    return re.sub(r"\{[^}]+\}", "x", route.path)


async def test_no_route_without_its_scope(client: TestClient, keys: MemoryKeys, queue: Any) -> None:
    """Deny by default (CVE-2026-24207): no key, a wrong key, and a key with every scope but the route's own."""
    for route in ROUTES:
        wrong = keys.make(*(name for name in ("infer", "jobs", "models", "streams") if name != route.scope))
        never = new_token().text
        for headers, status in (({}, 401), (bearer(never), 401), (bearer(f"{wrong}0"), 401), (bearer(wrong), 403)):
            if status == 403 and route.scope == "any":
                continue
            answer = await client.request(route.method, path_of(route), headers=headers)
            assert (route.path, answer.status) == (route.path, status)
            assert ("WWW-Authenticate" in answer.headers) == (status == 401)
    assert queue.seen == []


async def test_the_registry_shows_nothing_to_those_without_a_key(
    client: TestClient, keys: MemoryKeys, fleet: MemoryFleet
) -> None:
    """Roboflow's older clients look there without their key, and then add the model with it."""
    token = keys.make("infer")
    fleet.fleet.active.add("team/7")
    assert (await (await client.get("/model/registry")).json())["models"] == []
    assert len((await (await client.get("/model/registry", headers=bearer(token))).json())["models"]) == 1
    assert (await client.get("/model/registry", headers=bearer(f"{token}0"))).status == 401


async def test_public_pages_need_none(client: TestClient) -> None:
    for path in ("/", "/docs", "/openapi.json", "/healthz", "/readiness", "/info"):
        assert (await client.get(path)).status == 200


async def test_the_places_of_a_key(client: TestClient, keys: MemoryKeys, jpeg: dict[str, str]) -> None:
    token = keys.make("infer")
    body = {"model_id": "shapes-detector", "image": jpeg}
    assert (await client.post(INFER, json={**body, "api_key": token})).status == 200
    assert (await client.post(INFER, json={"api_key": None, **body})).status == 401
    assert (await client.post(f"{INFER}?api_key={token}", json=body)).status == 200
    assert (await client.post(INFER, json=body, headers=bearer(token))).status == 200
    assert (await client.post(INFER, json=body, headers={"Authorization": f"bearer  {token}"})).status == 200
    assert (await client.post(INFER, json=body, headers={"Authorization": f"Basic {token}"})).status == 401
    assert (await client.get(f"/model/registry?api_key={token}")).status == 200
    assert (await client.get("/model/registry?api_key=None", headers=bearer(token))).status == 200
    assert (await client.post("/model/add", json={"model_id": "team/7", "api_key": token})).status == 200
    # the first place that has one decides
    assert (await client.post(f"{INFER}?api_key={new_token().text}", json={**body, "api_key": token})).status == 401


async def test_a_key_in_the_body_is_found_wherever_it_stands(client: TestClient, keys: MemoryKeys) -> None:
    token = keys.make("infer")
    image = b'{"type": "base64", "value": "%b"}' % (b"A" * 40_000)
    for raw in (
        b'{"image": %b, "model_id": "shapes-detector", "api_key" : "%b"}' % (image, token.encode()),
        b'{"api_key":\n"%b", "image": %b, "model_id": "shapes-detector"}' % (token.encode(), image),
        b'{"api_key": null, "x": {"api_key": "%b"}, "model_id": "a", "image": %b}' % (token.encode(), image),
    ):
        assert (await client.post(INFER, data=raw)).status != 401
    for raw in (b'{"api_key": "%b' % token.encode(), b'"api_key": 5', b"", b"\xff" * 9, b'{"apikey": "%b"}' % b"x"):
        assert (await client.post(INFER, data=raw)).status == 401


async def test_no_key_in_the_address_of_admin_routes(client: TestClient, keys: MemoryKeys) -> None:
    token = keys.make("admin")
    assert (await client.get("/v1/dead-letters", headers=bearer(token))).status == 200
    answer = await client.get(f"/v1/dead-letters?api_key={token}")
    assert answer.status == 401
    assert token not in await answer.text()


async def test_an_admin_key_opens_all(client: TestClient, keys: MemoryKeys) -> None:
    token = keys.make("admin")
    for path in ("/v1/jobs", "/v1/models", "/model/registry", "/metrics"):
        assert (await client.get(path, headers=bearer(token))).status == 200


async def test_before_the_first_key_a_server_on_the_network_serves_nobody(client: TestClient, queue: Any) -> None:
    """ShadowRay, ShellTorch: no job or model route was ever meant to be open to a network."""
    answer = await client.get("/v1/models")
    assert answer.status == 401
    assert "visionfleet keys create" in (await answer.json(content_type=None))["detail"]
    queue.down = True


async def test_nobody_is_let_in_while_the_keys_are_not_known(client: TestClient, keys: MemoryKeys) -> None:
    token = keys.make("infer")
    keys.known = False
    for headers in ({}, bearer("x"), bearer(new_token().text)):
        assert (await client.get("/v1/models", headers=headers)).status == 503
    keys.known = True
    assert (await client.get("/v1/models", headers=bearer(token))).status == 200


def app_with(keys: MemoryKeys, **settings: Any) -> web.Application:
    queue = MemoryQueue()
    backend = Backend(queue, MemoryFleet(), MemoryLedger(queue), MemoryDeadLetters(), keys)
    return create_app(ApiSettings(**settings), backend)


class Opened:
    """Servers with other settings, made in a thread because making one reads files."""

    def __init__(self) -> None:
        self.keys = MemoryKeys()
        self.clients: list[TestClient] = []

    async def __call__(self, **settings: Any) -> TestClient:
        app = app_with(self.keys, **settings)
        client = TestClient(TestServer(app))
        await client.start_server()
        self.clients.append(client)
        return client


@pytest.fixture
async def opened(never_blocked: None) -> AsyncIterator[Opened]:
    made = Opened()
    yield made
    for client in made.clients:
        await client.close()


@pytest.fixture
def never_blocked() -> None:
    """Not here: these tests make applications while the loop runs."""


async def test_loopback_is_open_until_there_is_a_key(opened: Opened) -> None:
    client = await opened()
    assert (await client.get("/v1/models")).status == 200
    token = opened.keys.make("infer")
    assert (await client.get("/v1/models")).status == 401
    assert (await client.get("/v1/models", headers=bearer(token))).status == 200


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        ({"host": "0.0.0.0"}, 401),
        ({"host": ""}, 401),
        ({"host": "::"}, 401),
        ({"host": "192.0.2.7"}, 401),
        ({"host": "vision.example"}, 401),
        ({"require_keys": True}, 401),
        ({"admin_key": "k" * 40}, 401),
        ({"host": "0.0.0.0", "insecure": True}, 200),
        ({"host": "127.0.0.5"}, 200),
        ({"host": "::1"}, 200),
        ({"host": "localhost"}, 200),
    ],
)
async def test_the_address_decides(opened: Opened, settings: dict[str, Any], status: int) -> None:
    client = await opened(**settings)
    assert (await client.get("/v1/models")).status == status


async def test_keys_of_the_settings(opened: Opened) -> None:
    client = await opened(host="0.0.0.0", admin_key="a" * 40, launcher_key="b" * 40)
    for letter, status in (("a", 200), ("b", 200), ("c", 401)):
        assert (await client.get("/v1/dead-letters", headers=bearer(letter * 40))).status == status


@pytest.mark.parametrize("key", ["short", ""])
def test_a_weak_admin_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="admin_key"):
        ApiSettings(admin_key=key)


SITES: list[tuple[dict[str, str], int]] = [
    ({"Host": "evil.example"}, 403),  # DNS rebinding: the page's own name now leads here
    ({"Host": "evil.example:9001"}, 403),
    ({"Host": "127.0.0.1.nip.example"}, 403),
    ({"Host": "localhost.evil.example"}, 403),
    ({"Host": "10.0.0.1:9001"}, 403),
    ({"Host": "0.0.0.0:9001"}, 403),
    ({"Host": ""}, 403),
    ({"Host": "[::1"}, 403),
    ({"Host": "[::1]:9001"}, 200),
    ({"Host": "localhost:9001"}, 200),
    ({"Host": "LOCALHOST"}, 200),
    ({"Host": "127.0.0.9"}, 200),
    ({"Host": "vision.lan"}, 200),
    ({"Origin": "https://evil.example"}, 403),
    ({"Origin": "null"}, 403),
    ({"Origin": "http://localhost:8080", "Host": "localhost:9001"}, 403),
    ({"Origin": "http://localhost:9001", "Host": "localhost:9001"}, 200),
    ({"Origin": "https://friend.example"}, 200),
    ({"Sec-Fetch-Site": "cross-site"}, 403),  # <img src=http://localhost:9001/clear_cache>
    ({"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:8080"}, 403),
    ({"Sec-Fetch-Site": "cross-site", "Origin": "https://friend.example"}, 200),
    ({"Sec-Fetch-Site": "same-origin", "Origin": "https://proxied.example"}, 200),
    ({"Sec-Fetch-Site": "none"}, 200),
]


async def test_pages_of_other_sites_do_not_reach_an_open_server(opened: Opened) -> None:
    client = await opened(allowed_hosts="vision.lan", cors_origins="https://friend.example")
    for headers, status in SITES:
        for method, path in (("GET", "/v1/models"), ("GET", "/clear_cache"), ("POST", "/model/clear")):
            answer = await client.request(method, path, headers=headers)
            assert (headers, answer.status) == (headers, status)


async def test_cors_is_off(opened: Opened) -> None:
    client = await opened()
    asked = {"Origin": "https://page.example", "Access-Control-Request-Method": "POST"}
    for method, path in (("OPTIONS", INFER), ("GET", "/healthz"), ("OPTIONS", "/nothing")):
        answer = await client.request(method, path, headers=asked)
        assert not [name for name in answer.headers if name.startswith("Access-Control")]


async def test_cors_for_named_origins(opened: Opened) -> None:
    client = await opened(cors_origins="https://page.example/, http://localhost:3000")
    asked = {"Origin": "https://page.example", "Access-Control-Request-Method": "POST"}
    before = await client.options(INFER, headers=asked)
    assert (before.status, before.headers["Access-Control-Allow-Origin"]) == (204, "https://page.example")
    assert "Authorization" in before.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in before.headers
    for path in ("/v1/models", "/v1/jobs/none"):  # errors can be read too
        answer = await client.get(path, headers={"Origin": "https://page.example"})
        assert answer.headers["Access-Control-Allow-Origin"] == "https://page.example"
        assert "RateLimit" in answer.headers["Access-Control-Expose-Headers"]
        assert "Origin" in answer.headers["Vary"]
    other = await client.options(INFER, headers={**asked, "Origin": "https://page.example.evil"})
    assert "Access-Control-Allow-Origin" not in other.headers


async def test_metrics_may_be_public(opened: Opened) -> None:
    client = await opened(host="0.0.0.0", public_metrics=True)
    assert (await client.get("/metrics")).status == 200
    assert (await client.get("/v1/queues")).status == 401


def test_the_text_of_a_key() -> None:
    made = new_token()
    assert id_of(made.text) == made.id
    assert orjson.dumps(made.text)  # plain text everywhere
    assert len({new_token().text for _ in range(100)}) == 100
    for wrong in ("", "x", made.text[:-1], made.text + "0", made.text.upper(), made.text.replace("vf_", "vx_")):
        assert id_of(wrong) is None
