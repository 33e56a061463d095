"""The streams page in chromium on the whole system: a camera is added, seen, dies, comes back, and is removed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.cameras.camera import Camera
from tests.launcher import Launched

pytest_plugins = ["tests.e2e.playground_fixtures", "tests.e2e.streams_fixtures"]
pytestmark = [pytest.mark.browser, pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]
SEEN_MS = 30_000


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser, streaming: Launched) -> AsyncIterator[Page]:
    context = await browser.new_context(viewport={"width": 1280, "height": 900})
    made = await context.new_page()
    made.set_default_timeout(SEEN_MS)
    errors: list[str] = []
    made.on("pageerror", lambda error: errors.append(str(error)))
    await made.goto(f"{streaming.base_url}/streams")
    await expect(made.locator("#streams-state")).to_contain_text("1 stream service")
    yield made
    await context.close()
    assert errors == []


async def add(page: Page, source: str, name: str = "") -> None:
    await expect(page.locator("#model")).to_have_value("shapes-detector")
    await page.get_by_label("Source").fill(source)
    await page.get_by_label("Name").fill(name)
    await page.get_by_role("button", name="Add", exact=True).click()


async def test_a_camera_is_added_seen_paused_and_removed(page: Page, camera: Camera) -> None:
    await expect(page.locator(".empty")).to_contain_text("No streams yet")
    await add(page, camera.url, "Yard")
    tile = page.locator(".tile")
    await expect(tile.get_by_role("heading")).to_have_text("Yard")
    await expect(tile.locator(".tile-state")).to_have_text("running", timeout=SEEN_MS)
    await expect(tile.locator("img")).to_be_visible(timeout=SEEN_MS)
    assert await tile.locator("img").evaluate("image => [image.naturalWidth, image.naturalHeight]") == [640, 360]
    await expect(tile.locator(".tile-about")).to_contain_text("shapes-detector · 640 \N{MULTIPLICATION SIGN} 360")
    await expect(tile.locator("dd").nth(2)).to_contain_text("ms", timeout=SEEN_MS)
    await expect(tile.locator(".tile-lost")).to_contain_text("results")
    if folder := os.environ.get("SCREENSHOTS"):
        await page.screenshot(path=str(Path(folder) / "streams.png"))

    before = await tile.locator("img").get_attribute("src")
    await asyncio.sleep(1)
    assert await tile.locator("img").get_attribute("src") != before, "the picture lives"

    await tile.get_by_role("button", name="Pause Yard").click()
    await expect(tile.locator(".tile-state")).to_have_text("paused")
    await tile.get_by_role("button", name="Resume Yard").click()
    await expect(tile.locator(".tile-state")).to_have_text("running")
    await tile.get_by_role("button", name="Remove Yard").click()
    await expect(tile).to_have_count(0)
    await expect(page.locator(".empty")).to_be_visible()


async def test_what_is_wrong_with_a_source_stands_at_the_form(page: Page, camera: Camera) -> None:
    await add(page, camera.path("secret", "camera:hunter2"))
    error = page.locator("#add-error")
    await expect(error).to_contain_text("source_unauthorized", timeout=SEEN_MS)
    assert "hunter2" not in await error.inner_text()
    await expect(page.get_by_role("button", name="Add", exact=True)).to_be_enabled()
    await expect(page.locator(".tile")).to_have_count(0)


async def test_a_camera_that_dies_is_seen_to_be_dead_and_comes_back(page: Page) -> None:
    with Camera(size=(320, 180)) as camera:
        await add(page, camera.url)
        tile = page.locator(".tile")
        await expect(tile.locator(".tile-state")).to_have_text("running", timeout=SEEN_MS)
        camera.kill()
        await expect(tile.locator(".tile-state")).to_have_text("reconnecting", timeout=SEEN_MS)
        await expect(tile.locator(".tile-error")).not_to_be_empty()
        await expect(page.locator("#streams-state")).to_contain_text("1 in trouble", timeout=SEEN_MS)
        camera.start()
        await expect(tile.locator(".tile-state")).to_have_text("running", timeout=SEEN_MS)
        await expect(tile.locator(".tile-error")).to_be_empty()
        await tile.get_by_role("button", name="Remove").click()
        await expect(tile).to_have_count(0)


async def test_the_page_fits_a_telephone(page: Page) -> None:
    await page.set_viewport_size({"width": 390, "height": 800})
    wide = await page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 390
