"""Fixtures of the playground's tests: one chromium per module, a fake server and a fresh page per test."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Browser

from tests.e2e.browser import CHROMIUM, Playground, chromium, opened
from tests.e2e.fakeserver import FakeServer


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("needs Debian's chromium: apt-get install chromium")
    async with chromium() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def fake() -> FakeServer:
    return FakeServer()


@pytest_asyncio.fixture(loop_scope="module")
async def site(fake: FakeServer) -> AsyncIterator[str]:
    """Where the fake server answers."""
    runner = web.AppRunner(fake.app(), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


@pytest_asyncio.fixture(loop_scope="module")
async def playground(browser: Browser, site: str) -> AsyncIterator[Playground]:
    """The playground on the fake server; the test fails if the page logged an error or asked another host."""
    async with opened(browser, site) as page:
        yield page
        assert page.errors == []
        assert page.elsewhere == []
