"""The playground of a server that asks for keys, in chromium, with the real application's headers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Browser, Page, expect

from api_service.app import create_app
from api_service.backend import Backend
from api_service.settings import ApiSettings
from shared.access.token import new_token
from tests.unit.api.fakes import MemoryDeadLetters, MemoryFleet, MemoryKeys, MemoryLedger, MemoryQueue

pytest_plugins = ["tests.e2e.playground_fixtures"]
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

EVIL = "<img src=x onerror='window.pwned=1'>"
INLINE_SCRIPT = """(() => {
    const script = document.createElement('script');
    script.textContent = 'window.pwned = 2';
    document.body.append(script);
})()"""
PICTURE = Path(__file__).parents[2] / "api_service" / "web" / "examples" / "paper.jpg"


@dataclass
class Closed:
    """A server that asks for keys, and a key for it."""

    url: str
    keys: MemoryKeys
    fleet: MemoryFleet
    token: str


@pytest_asyncio.fixture(loop_scope="module")
async def closed() -> AsyncIterator[Closed]:
    queue, fleet, keys = MemoryQueue(), MemoryFleet(), MemoryKeys()
    backend = Backend(queue, fleet, MemoryLedger(queue), MemoryDeadLetters(), keys)
    app = await asyncio.to_thread(create_app, ApiSettings(require_keys=True), backend)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield Closed(f"http://127.0.0.1:{runner.addresses[0][1]}/", keys, fleet, keys.make("infer"))
    await runner.cleanup()


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser, closed: Closed) -> AsyncIterator[Page]:
    context = await browser.new_context()
    made = await context.new_page()
    made.set_default_timeout(15_000)
    await made.goto(closed.url)
    yield made
    await context.close()


async def give(page: Page, key: str) -> None:
    await page.get_by_label("API key", exact=True).fill(key)
    await page.get_by_role("button", name="Use this key").click()


async def test_a_key_is_asked_for_and_kept_by_its_tab_only(page: Page, closed: Closed) -> None:
    dialog = page.locator("#key-dialog")
    await expect(dialog).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_visible()
    await give(page, new_token().text)
    await expect(page.get_by_text("The server did not take that key.")).to_be_visible()
    await give(page, f" {closed.token}\n")
    await page.locator("input[name=model]").first.wait_for(state="attached")
    await expect(dialog).to_be_hidden()
    await page.set_input_files("#file", PICTURE)
    await expect(page.locator("#overlay .box")).to_have_count(1)

    await page.get_by_role("tab", name="Code").click()
    code = await page.locator("#panel-code").inner_text()
    assert "VISIONFLEET_API_KEY" in code
    assert closed.token not in await page.content()
    assert await page.evaluate("localStorage.length + document.cookie.length + location.search.length") == 0
    await page.reload()
    await page.locator("input[name=model]").first.wait_for(state="attached")
    other = await page.context.new_page()
    await other.goto(closed.url)
    await expect(other.locator("#key-dialog")).to_be_visible()


async def test_a_revoked_key_is_asked_for_anew(page: Page, closed: Closed) -> None:
    await give(page, closed.token)
    await page.locator("input[name=model]").first.wait_for(state="attached")
    closed.keys.table.clear()
    await expect(page.locator("#key-dialog")).to_be_visible()  # the next look at the fleet


async def test_labels_and_names_stay_text_under_the_real_policy(page: Page, closed: Closed, tmp_path: Path) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    for model in closed.fleet.fleet.models.values():
        model.labels[:] = [EVIL]
        model.family = EVIL
    closed.fleet.fleet.models[EVIL] = closed.fleet.fleet.models.pop("team/7")
    closed.fleet.fleet.models[EVIL].id = EVIL
    closed.fleet.fleet.workers[0].host = EVIL
    picture = tmp_path / "<img src=x onerror=window.pwned=1>.jpg"
    picture.write_bytes(PICTURE.read_bytes())
    await give(page, closed.token)
    await page.locator("input[name=model]").first.wait_for(state="attached")
    await page.set_input_files("#file", picture)
    await expect(page.locator("#overlay .box")).to_have_count(1)
    for tab in ("Result", "JSON", "Code"):
        await page.get_by_role("tab", name=tab).click()
    assert await page.evaluate("window.pwned") is None
    assert await page.locator("img[src='x']").count() == 0

    # and were it markup, the policy would not let it run
    await page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=window.pwned=1>')")
    await page.evaluate(INLINE_SCRIPT)
    assert await page.evaluate("window.pwned") is None
    assert [one for one in complaints if "Content Security Policy" in one]


async def test_another_sites_page_gets_nothing(browser: Browser, closed: Closed) -> None:
    """A page from elsewhere with the person's key in hand: no CORS, so the browser keeps the answer from it."""
    app = web.Application()

    async def blank(_: web.Request) -> web.Response:
        return web.Response(text="<title>elsewhere</title>", content_type="text/html")

    app.router.add_get("/", blank)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    context = await browser.new_context()
    page = await context.new_page()
    try:
        await page.goto(f"http://localhost:{runner.addresses[0][1]}/")
        script = """async ([url, key]) => {
            try { return (await fetch(url + 'v1/models', {headers: {Authorization: 'Bearer ' + key}})).status; }
            catch (error) { return String(error); }
        }"""
        assert "Failed to fetch" in str(await page.evaluate(script, [closed.url, closed.token]))
        await page.set_content(f"<iframe src='{closed.url}'></iframe>")
        await asyncio.sleep(0.3)
        frame = page.frames[-1]
        assert "Visionfleet" not in await frame.content()
    finally:
        await context.close()
        await runner.cleanup()
