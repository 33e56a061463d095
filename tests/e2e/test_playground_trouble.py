"""The playground when things go wrong or somebody means harm, and its view of the fleet."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.e2e.browser import Playground
from tests.e2e.fakeserver import WEB, FakeServer

pytest_plugins = ["tests.e2e.playground_fixtures"]
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

EVIL = "<img src=x onerror='window.pwned=1'>"
NASTY_LABEL = "a'b\"c $(touch pwned) `touch pwned` \\ é"


def forgive(playground: Playground, status: int) -> None:
    """Chromium logs every failed request; that one is meant to fail."""
    playground.errors[:] = [error for error in playground.errors if f"status of {status}" not in error]


async def test_a_refusal_is_told_in_words_and_can_be_tried_again(playground: Playground, fake: FakeServer) -> None:
    page = playground.page
    fake.failure = (503, {"message": "No live worker carries the tag gpu.", "code": "no_worker_for_hardware"})
    await playground.example()
    alert = page.get_by_role("alert")
    for text in ("No live worker carries the tag gpu.", "503", "no_worker_for_hardware", "request r-17"):
        await expect(alert).to_contain_text(text)
    fake.failure = None
    await page.get_by_role("button", name="Try again").click()
    await expect(page.locator("#overlay .box")).to_have_count(6)
    await expect(alert).to_be_empty()
    forgive(playground, 503)


async def test_a_validation_error_names_the_field(playground: Playground, fake: FakeServer) -> None:
    detail = [{"type": "float_parsing", "loc": ["body", "confidence"], "msg": "Input should be a valid number"}]
    fake.failure = (422, {"detail": detail, "code": "validation_failed"})
    await playground.example()
    alert = playground.page.get_by_role("alert")
    await expect(alert).to_contain_text("body.confidence: Input should be a valid number")
    await alert.get_by_role("button", name="Dismiss").click()
    await expect(alert).to_be_empty()
    forgive(playground, 422)


async def test_markup_in_labels_and_file_names_is_only_text(
    playground: Playground, fake: FakeServer, tmp_path: Path
) -> None:
    page = playground.page
    fake.labels = [EVIL] * 6
    await page.reload()
    await page.set_input_files("#file", {"name": EVIL, "mimeType": "image/jpeg", "buffer": _picture()})
    await expect(page.locator("#overlay .box")).to_have_count(6)
    await expect(page.locator("#overlay text").first).to_contain_text(EVIL)
    await expect(page.locator(".objects tbody th").first).to_have_text(EVIL)
    await expect(page.locator("#file-name")).to_contain_text(EVIL)
    for tab in ("JSON", "Code"):
        await page.get_by_role("tab", name=tab).click()
    await page.get_by_role("radio", name="shapes-classifier").check(force=True)
    await expect(page.locator("#verdict")).to_contain_text(EVIL)
    assert await page.evaluate("window.pwned") is None
    assert await page.locator("img[src='x']").count() == 0


async def test_a_text_is_shown_while_it_is_written(playground: Playground, fake: FakeServer) -> None:
    page = playground.page
    fake.pieces = pieces = asyncio.Queue()
    await page.reload()
    await page.locator("input[name=model][value='writer']").check(force=True)
    await playground.example()
    shown = page.locator("#panel-list pre.text")
    pieces.put_nowait(("text", {"input": 0, "text": "Two "}))
    await expect(shown).to_have_text("Two ")
    pieces.put_nowait(("text", {"input": 0, "text": EVIL}))
    await expect(shown).to_have_text(f"Two {EVIL}")
    whole = {"response": "Two shapes.", "tokens": 3, "finish_reason": "stop", "image": {"width": 640, "height": 480}}
    pieces.put_nowait(("result", whole))
    await expect(page.locator("#summary")).to_contain_text("3 tokens")
    await expect(shown).to_have_text("Two shapes.")
    pieces.put_nowait(("", None))
    for last, told in (
        (("error", {"message": "Too late.", "code": "deadline_exceeded"}), "Too late."),
        (("", None), "broke off"),
    ):
        await page.get_by_label("Ask a question").get_by_role("textbox").fill(told)
        await page.get_by_role("button", name="Ask", exact=True).click()
        pieces.put_nowait(("text", {"input": 0, "text": "Two "}))
        pieces.put_nowait(last)
        await expect(page.get_by_role("alert")).to_contain_text(told)
        pieces.put_nowait(("", None))
    assert await page.evaluate("window.pwned") is None


async def test_inline_script_would_be_blocked(playground: Playground) -> None:
    """The page works under a policy that stops what textContent alone would not."""
    await playground.page.evaluate(
        "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=window.pwned=1>')"
    )
    await asyncio.sleep(0.3)
    assert await playground.page.evaluate("window.pwned") is None
    assert any("Content Security Policy" in error for error in playground.errors)
    playground.errors.clear()


@pytest.mark.parametrize("language", ["curl", "Python, requests"])
async def test_the_code_shown_does_what_the_page_did(
    playground: Playground, fake: FakeServer, tmp_path: Path, language: str
) -> None:
    program = {"curl": ["bash", "-c"], "Python, requests": [sys.executable, "-c"]}[language]
    if language != "curl":
        pytest.importorskip("requests")
    page = playground.page
    fake.labels[5] = NASTY_LABEL
    await page.reload()
    name = "it's $HOME.jpg"
    (tmp_path / name).write_bytes(_picture())
    await page.set_input_files("#file", tmp_path / name)
    await page.locator("#class-chips button").last.click()
    await expect(page.locator("#overlay .box")).to_have_count(2)
    asked = fake.requests[-1]
    assert asked["class_filter"] == [NASTY_LABEL]

    await page.get_by_role("tab", name="Code").click()
    code = await page.locator(f"[aria-label='{language}'] code").inner_text()
    before = len(fake.requests)
    done = await asyncio.to_thread(subprocess.run, [*program, code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "detection_id" in done.stdout
    assert fake.requests[before:] == [asked]
    assert _names(tmp_path) == [name]


async def test_the_fleet_is_live(playground: Playground, fake: FakeServer) -> None:
    page = playground.page
    fake.loaded = False
    await expect(page.locator(".worker")).to_have_count(2)
    first = page.get_by_role("article", name="Worker cpu-1")
    for text in ("ready", "atlas", "pid 4211", "393 MiB", "2 threads"):
        await expect(first).to_contain_text(text)
    await expect(first).to_contain_text("No model held")
    fake.loaded = True
    await expect(first).to_contain_text("shapes-detector")
    await expect(page.locator("#status-text")).to_have_text("1 worker ready")
    await expect(page.locator("#queues tbody tr")).to_have_count(2)  # the idle one is left out
    row = page.locator("#queues tbody tr").nth(1)
    await expect(row).to_contain_text("bulk")
    await expect(row).to_contain_text("5.1 s")
    points = "el => el.getAttribute('points').split(' ').length"
    before = await row.locator("polyline").evaluate(points)
    await asyncio.sleep(3.5)
    assert await row.locator("polyline").evaluate(points) > before


async def test_nobody_is_asked_while_nobody_looks(playground: Playground, fake: FakeServer) -> None:
    page = playground.page
    hide = """hidden => {
        Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    await expect(page.locator(".worker")).to_have_count(2)
    await page.evaluate(hide, True)
    await asyncio.sleep(0.2)
    reads = fake.fleet_reads
    await asyncio.sleep(2.5)
    assert fake.fleet_reads == reads
    await page.evaluate(hide, False)
    await asyncio.sleep(0.5)
    assert fake.fleet_reads > reads


async def test_a_lost_server_is_said_and_found_again(playground: Playground) -> None:
    page = playground.page
    await expect(page.locator("#status-text")).to_have_text("1 worker ready")
    await page.context.set_offline(True)
    await expect(page.locator("#status-text")).to_have_text("Not answering")
    await page.context.set_offline(False)
    await expect(page.locator("#status-text")).to_have_text("1 worker ready")
    playground.errors[:] = [error for error in playground.errors if "ERR_INTERNET_DISCONNECTED" not in error]


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def _picture() -> bytes:
    return (WEB / "examples" / "paper.jpg").read_bytes()
