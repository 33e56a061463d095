"""Egress through a proxy that the settings name: what it is asked for, and that nothing else is let through by it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from shared.batches.settings import UrlSettings
from shared.egress import Egress, EgressFailed, EgressRefused
from shared.egress_policy import EgressPolicy, Proxy
from shared.fetch.settings import FetchSettings
from shared.webhooks.settings import WebhookSettings
from shared.workflows.calls import users_policy
from shared.workflows.settings import WorkflowSettings
from tests.redis_tls import certificate

HTTP = frozenset({"http", "https"})


class LocalProxy:
    """An HTTP proxy that leads every name and address to one local port, and notes what it was asked for."""

    def __init__(self, target: int) -> None:
        self._target = target
        self.asked: list[str] = []
        self.heads: list[bytes] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        self.asked.append(head.split(b" ", 2)[1].decode())
        inside, outside = await asyncio.open_connection("127.0.0.1", self._target)
        if head.startswith(b"CONNECT"):
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        else:
            outside.write(head)
        with contextlib.suppress(ConnectionError):
            await asyncio.gather(self.pump(reader, outside), self.pump(inside, writer))

    async def pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
        target.close()


class Place:
    """A site behind a proxy. The site notes the hosts that it was called by."""

    def __init__(self) -> None:
        self.hosts: list[str] = []
        self.lookups: list[str] = []
        self.answers = ["93.184.215.14"]
        self.proxy: LocalProxy

    async def handle(self, request: web.Request) -> web.Response:
        self.hosts.append(request.headers["Host"])
        if request.path == "/away":
            raise web.HTTPFound(request.query["to"])
        return web.Response(body=b"x" * 10)

    async def lookup(self, host: str, port: int) -> list[str]:
        self.lookups.append(host)
        return self.answers

    def egress(self, *, resolves: bool = False, user: str = "") -> Egress:
        proxy = Proxy(f"http://{user}127.0.0.1:{self.proxy.port}", resolves)
        return Egress(EgressPolicy(schemes=HTTP, timeout_s=10, proxy=proxy), self.lookup)


@contextlib.asynccontextmanager
async def place(context: ssl.SSLContext | None = None) -> AsyncIterator[Place]:
    made, app = Place(), web.Application()
    app.router.add_route("*", "/{path:.*}", made.handle)
    server = TestServer(app, scheme="https" if context else "http")
    await server.start_server(ssl=context)
    made.proxy = LocalProxy(server.port or 0)
    listening = await asyncio.start_server(made.proxy.serve, "127.0.0.1", 0)
    made.proxy.port = listening.sockets[0].getsockname()[1]
    yield made
    listening.close()
    await server.close()


async def test_the_proxy_is_asked_for_the_address_that_was_judged() -> None:
    async with place() as site:
        egress = site.egress()
        assert await egress.fetch("http://images.example/a.jpg") == b"x" * 10
        assert site.proxy.asked == ["http://93.184.215.14/a.jpg"]
        assert (site.hosts, site.lookups) == (["images.example"], ["images.example"])
        site.answers = ["93.184.215.14", "10.0.0.1"]  # one private answer is enough
        with pytest.raises(EgressRefused):
            await egress.fetch("http://images.example/a.jpg")
        await egress.close()
        assert len(site.proxy.asked) == 1


async def test_tls_is_with_the_name_through_the_proxy(tmp_path: Path) -> None:
    context = certificate(tmp_path, "images.example")
    async with place(context) as site:
        for resolves, asked in ((False, "93.184.215.14:443"), (True, "images.example:443")):
            egress = site.egress(resolves=resolves, user="me:secret@")
            trust(egress, tmp_path / "ca.pem")
            assert (await egress.post("https://images.example/hook", b"{}", {"X-A": "b"})).status == 200
            assert site.proxy.asked[-1] == asked
            credentials = base64.b64encode(b"me:secret")
            assert b"Proxy-Authorization: Basic " + credentials in site.proxy.heads[-1]
            with pytest.raises(EgressFailed):  # the certificate is another name's
                await egress.fetch("https://other.example/")
            await egress.close()
        assert set(site.hosts) == {"images.example"}


async def test_what_is_refused_without_a_proxy_is_refused_with_one() -> None:
    async with place() as site:
        for resolves in (False, True):
            egress = site.egress(resolves=resolves)
            for url in ("http://127.0.0.1/", "http://0x7f.1/", "http://169.254.169.254/", "ftp://images.example/",
                        "http://images.example:22/", "http://me:x@images.example/"):  # fmt: skip
                with pytest.raises(EgressRefused):
                    await egress.fetch(url)
                with pytest.raises(EgressRefused):
                    await egress.fetch(f"http://images.example/away?to={url}")
            assert all("/away" in one for one in site.proxy.asked)
            await egress.close()


async def test_a_proxy_that_resolves_is_asked_for_names() -> None:
    async with place() as site:
        egress = site.egress(resolves=True)
        assert await egress.fetch("http://images.example/a.jpg") == b"x" * 10
        assert (site.proxy.asked, site.lookups) == (["http://images.example/a.jpg"], [])
        await egress.close()


async def test_a_proxy_that_is_away_is_no_way_around_it() -> None:
    proxy = Proxy("http://127.0.0.1:1")
    egress = Egress(EgressPolicy(schemes=HTTP, timeout_s=5, proxy=proxy), Place().lookup)
    with pytest.raises(EgressFailed):
        await egress.fetch("http://images.example/a.jpg")
    await egress.close()
    assert "127.0.0.1:1" not in repr(proxy)


def test_only_the_setting_names_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    def policies() -> list[EgressPolicy]:
        flows = WorkflowSettings()
        return [UrlSettings().egress, FetchSettings().fetch_policy, WebhookSettings().policy, users_policy(flows, 1.0)]

    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert [policy.proxy for policy in policies()] == [None] * 4
    monkeypatch.setenv("VISIONFLEET_EGRESS_PROXY", "http://proxy.lan:3128")
    monkeypatch.setenv("VISIONFLEET_EGRESS_PROXY_RESOLVES", "true")
    assert [policy.proxy for policy in policies()] == [Proxy("http://proxy.lan:3128", resolves=True)] * 4


def trust(egress: Egress, ca: Path) -> None:
    """Believe the test's authority."""
    egress._session.connector._ssl = ssl.create_default_context(cafile=str(ca))  # type: ignore[union-attr]
