"""The playground for everybody: by keyboard, in light and dark, on a telephone."""

import asyncio

import pytest
from playwright.async_api import Browser, Page, expect

from tests.e2e.browser import Playground, opened

pytest_plugins = ["tests.e2e.playground_fixtures"]
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


async def test_everything_is_reached_without_a_mouse(playground: Playground) -> None:
    page = playground.page
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the playground")).to_be_focused()
    await page.keyboard.press("Enter")
    await _tab_to(page, "[aria-label='Example: Shapes on paper']")
    await page.keyboard.press("Enter")
    await expect(page.locator("#overlay .box")).to_have_count(6)

    await _tab_to(page, "#slider-confidence")
    await page.keyboard.press("End")
    await expect(page.get_by_role("status")).to_contain_text("Nothing found")
    await page.keyboard.press("Home")
    await expect(page.locator("#overlay .box")).to_have_count(6)

    await _tab_to(page, ".objects tbody tr")
    await page.keyboard.press("ArrowDown")
    await expect(page.locator("#overlay .box.lit")).to_have_attribute("data-index", "1")

    await _tab_to(page, "[role=tab]", "Shift+Tab")
    await page.keyboard.press("ArrowRight")
    await expect(page.locator("#panel-json pre")).to_be_visible()

    await _tab_to(page, "input[name=model]", "Shift+Tab")
    await page.keyboard.press("ArrowDown")
    await expect(page.get_by_role("status")).to_contain_text("shapes-classifier")


async def _tab_to(page: Page, selector: str, key: str = "Tab") -> None:
    for _ in range(40):
        await page.keyboard.press(key)
        if await page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    pytest.fail(f"{key} never reaches {selector}")


async def test_every_control_has_a_name(playground: Playground) -> None:
    await playground.example()
    await playground.page.locator("#overlay .box").first.wait_for()
    for role in ("button", "radio", "slider", "checkbox", "tab", "link", "img"):
        for control in await playground.page.get_by_role(role).all():  # type: ignore[arg-type]
            snapshot = await control.aria_snapshot()
            assert '"' in snapshot, f"a {role} without a name: {snapshot}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_theme_follows_the_system_until_it_is_chosen(browser: Browser, site: str, scheme: str) -> None:
    other = {"light": "dark", "dark": "light"}[scheme]
    async with opened(browser, site, color_scheme=scheme) as playground:
        page = playground.page
        assert await _is_dark(page) == (scheme == "dark")
        await page.get_by_role("button", name=f"Switch to {other} theme").click()
        assert await _is_dark(page) == (other == "dark")
        await page.reload()
        assert await _is_dark(page) == (other == "dark")
        assert playground.errors == []


async def _is_dark(page: Page) -> bool:
    colour = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    red = int(colour.removeprefix("rgb(").split(",")[0])
    return red < 60


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_text_stands_out_from_its_background(browser: Browser, site: str, scheme: str) -> None:
    async with opened(browser, site, color_scheme=scheme) as playground:
        tokens = await playground.page.evaluate(
            """names => {
                const probe = document.body.appendChild(document.createElement("i"));
                return names.map((name) => {
                    probe.style.color = `var(${name})`;
                    return getComputedStyle(probe).color.match(/[0-9.]+/g).slice(0, 3).map(Number);
                });
            }""",
            ["--surface", "--page", "--text", "--quiet", "--accent"],
        )
        for text in tokens[2:]:
            assert min(_contrast(text, tokens[0]), _contrast(text, tokens[1])) >= 4.5  # WCAG AA


def _contrast(one: list[float], other: list[float]) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: list[float]) -> float:
    """WCAG 2 relative luminance of an sRGB colour, channels 0 to 255."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("width", [390, 768, 1024, 1440])
async def test_nothing_runs_out_of_the_window(browser: Browser, site: str, width: int) -> None:
    async with opened(browser, site, viewport={"width": width, "height": 800}) as playground:
        await playground.example()
        await expect(playground.page.locator("#overlay .box")).to_have_count(6)
        await expect(playground.page.locator(".worker")).to_have_count(2)
        await playground.page.get_by_role("tab", name="Code").click()
        await asyncio.sleep(0.1)
        assert await playground.page.evaluate("document.documentElement.scrollWidth") <= width
