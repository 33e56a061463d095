"""The egress guard: what it refuses without asking anybody, and what it does against a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from shared.addresses import is_disguised, is_global
from shared.egress import Egress, EgressFailed, EgressRefused
from shared.egress_policy import EgressPolicy
from shared.errors import TooLarge


def words(text: str) -> list[str]:
    """A table without quotes."""
    return text.split()


NOT_GLOBAL = words("""
0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.254 127.0.0.1 127.255.255.254 169.254.169.254
169.254.0.1 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.8 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1
198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255 :: ::1 ::ffff:127.0.0.1
::ffff:10.0.0.1 ::127.0.0.1 ::ffff:169.254.169.254 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::1 100::1
2001::1 2001:db8::1 2002:7f00:1:: 2002:a00:1:: 3fff::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 fe80::1%eth0
fec0::1 ff02::1 nonsense 1.2.3 0x7f.0.0.1
""")
GLOBAL = words("""
8.8.8.8 1.1.1.1 93.184.216.34 2606:4700::1111 ::ffff:8.8.8.8 64:ff9b::808:808 2002:808:808::
""")
REFUSED = words("""
http://example.com/a.jpg ftp://example.com/a file:///etc/passwd gopher://example.com/
data:image/png;base64,AAAA https:///a https:// //example.com/a example.com https://user@example.com/
https://user:secret@example.com/ https://example.com:22/ https://example.com:6379/ https://example.com:0/
https://example.com:99999/ https://example.com\\@10.0.0.1/ https://127.0.0.1/ https://127.1/
https://2130706433/ https://0x7f000001/ https://0x7f.1/ https://0177.0.0.1/ https://017700000001/
https://127.0.0.1./ https://10.1.2.3/ https://169.254.169.254/ https://[::1]/ https://[::ffff:127.0.0.1]/
https://[::ffff:7f00:1]/ https://[64:ff9b::7f00:1]/ https://[fd00::1]/ https://[fe80::1%25eth0]/
https://100.64.0.1/ https://0/ https://0.0.0.0/ https://1.2.3.4.5/ https://0x/ https://192.168.257/
https://[::1 https://①②⑦.⓪.⓪.①/
""")


@pytest.mark.parametrize("address", NOT_GLOBAL)
def test_not_global(address: str) -> None:
    assert not is_global(address)


@pytest.mark.parametrize("address", GLOBAL)
def test_global(address: str) -> None:
    assert is_global(address)


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "1.2.3.4.5", "a.0x1", "08.8.8.8"])
def test_disguised(host: str) -> None:
    assert is_disguised(host)


@pytest.mark.parametrize("host", ["8.8.8.8", "example.com", "1.example.com", "0x7f.example", "::1"])
def test_not_disguised(host: str) -> None:
    assert not is_disguised(host)


@pytest.mark.parametrize("url", REFUSED)
async def test_refused_before_any_lookup(url: str) -> None:
    async def lookup(host: str, port: int) -> list[str]:
        raise AssertionError(f"{host} must not be looked up")

    egress = Egress(EgressPolicy(), lookup)
    with pytest.raises(EgressRefused):
        await egress.fetch(url)
    await egress.close()


@pytest.mark.parametrize(
    "answers", [["127.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["::ffff:10.0.0.1"], ["2606:4700::1111", "fd00::1"]]
)
async def test_a_name_with_any_private_answer_is_refused(answers: list[str]) -> None:
    async def lookup(host: str, port: int) -> list[str]:
        return answers

    egress = Egress(EgressPolicy(), lookup)
    with pytest.raises(EgressRefused):
        await egress.fetch("https://rebind.example/a.jpg")
    await egress.close()


class Site:
    """A real server reached under the name ``site.example``."""

    def __init__(self) -> None:
        self.lookups: list[str] = []
        self.seen: list[web.Request] = []
        self.server: TestServer

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(request)
        name = request.path.strip("/")
        if name.startswith("hop"):
            left = int(name[3:])
            raise web.HTTPFound(f"/hop{left - 1}" if left else "/image")
        if name == "out":
            raise web.HTTPFound(request.query["to"])
        if name == "slow":
            await asyncio.sleep(5)
        if name == "stream":
            return await self.stream(request)
        if name == "missing":
            raise web.HTTPNotFound
        return web.Response(body=b"x" * int(request.query.get("size", "10")))

    async def stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(50):
            await response.write(b"x" * 1000)
        return response

    async def lookup(self, host: str, port: int) -> list[str]:
        self.lookups.append(host)
        return ["127.0.0.1"]

    def url(self, path: str) -> str:
        return f"http://site.example:{self.server.port}/{path}"


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    made = Site()
    app = web.Application()
    app.router.add_get("/{path}", made.handle)
    async with TestServer(app) as made.server:
        yield made


Fetch = Callable[[str], Awaitable[bytes]]


@pytest.fixture
async def fetch(site: Site) -> AsyncIterator[Fetch]:
    policy = EgressPolicy(
        schemes=frozenset({"http"}),
        ports=frozenset({site.server.port or 0}),
        allow_private=True,
        max_bytes=1000,
        timeout_s=0.5,
    )
    egress = Egress(policy, site.lookup)
    yield egress.fetch
    await egress.close()


async def test_fetches_and_keeps_the_host_name(site: Site, fetch: Fetch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert await fetch(site.url("image")) == b"x" * 10
    assert site.seen[0].host == f"site.example:{site.server.port}"
    assert site.seen[0].headers["Accept-Encoding"] == "identity"


async def test_every_hop_is_looked_up_anew_and_counted(site: Site, fetch: Fetch) -> None:
    assert await fetch(site.url("hop2")) == b"x" * 10
    assert site.lookups == ["site.example"] * 4
    with pytest.raises(EgressFailed, match="redirects"):
        await fetch(site.url("hop3"))


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "http://site.example:22/", "https://x.example/", "http://0x7f.1/"]
)
async def test_redirects_are_checked(site: Site, fetch: Fetch, target: str) -> None:
    with pytest.raises(EgressRefused):
        await fetch(site.url(f"out?to={target}"))


@pytest.mark.parametrize("path", ["image?size=1001", "stream"])
async def test_too_many_bytes(site: Site, fetch: Fetch, path: str) -> None:
    with pytest.raises(TooLarge):
        await fetch(site.url(path))


@pytest.mark.parametrize("path", ["slow", "missing"])
async def test_no_answer(site: Site, fetch: Fetch, path: str) -> None:
    with pytest.raises(EgressFailed):
        await fetch(site.url(path))


async def test_a_name_that_does_not_exist(site: Site) -> None:
    async def lookup(host: str, port: int) -> list[str]:
        raise OSError("no such host")

    egress = Egress(EgressPolicy(), lookup)
    with pytest.raises(EgressFailed):
        await egress.fetch("https://nowhere.example/a.jpg")
    await egress.close()
