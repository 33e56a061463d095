"""The machine's own chromium, driven by Playwright; every page watches its own console and its own requests."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import Browser, Page, async_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
ARGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        try:
            yield browser
        finally:
            await browser.close()


@dataclass
class Playground:
    """An open playground: the page, where it is, and what it complained about."""

    page: Page
    url: str
    errors: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    async def example(self, name: str = "Shapes on paper") -> None:
        await self.page.get_by_role("button", name=f"Example: {name}").click()

    async def slide(self, label: str, value: float) -> None:
        await self.page.get_by_label(label).fill(str(value))


@asynccontextmanager
async def opened(browser: Browser, url: str, **options: Any) -> AsyncIterator[Playground]:
    """A fresh profile on the playground; `options` are Playwright's for a context."""
    context = await browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})
    page = await context.new_page()
    page.set_default_timeout(15_000)
    opened = Playground(page, url)
    page.on("console", lambda message: opened.errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: opened.errors.append(str(error)))
    page.on("request", lambda request: _note_elsewhere(opened, request.url))
    await page.goto(url)
    await page.locator("input[name=model]").first.wait_for(state="attached")
    try:
        yield opened
    finally:
        await context.close()


def _note_elsewhere(playground: Playground, url: str) -> None:
    if not url.startswith((playground.url, "blob:", "data:")):
        playground.elsewhere.append(url)
