"""The playground in chromium against scripted answers: pictures, models, thresholds, results."""

import asyncio
import json
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.browser import Playground, opened
from tests.e2e.fakeserver import WEB, FakeServer

pytest_plugins = ["tests.e2e.playground_fixtures"]
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

PICTURE = WEB / "examples" / "paper.jpg"


async def test_an_uploaded_picture_gets_as_many_boxes_as_the_answer_has(
    playground: Playground, fake: FakeServer
) -> None:
    page = playground.page
    await page.set_input_files("#file", PICTURE)

    await expect(page.locator("#overlay .box")).to_have_count(6)
    await expect(page.locator(".objects tbody tr")).to_have_count(6)
    await expect(page.get_by_role("status")).to_contain_text("6 objects found")
    assert fake.requests[0]["route"] == "/infer/object_detection"
    assert fake.requests[0]["model_id"] == "shapes-detector"
    assert fake.requests[0]["confidence"] == 0.25  # the model's own threshold, not the page's


async def test_a_box_lies_where_the_answer_says(playground: Playground) -> None:
    page = playground.page
    await playground.example()
    await page.locator("#overlay .box").first.wait_for()

    image = await page.locator("#image").bounding_box()
    edge = await page.locator("#overlay .box[data-index='3'] .edge").bounding_box()
    assert image is not None
    assert edge is not None
    scale = image["width"] / 640
    assert edge["x"] - image["x"] == pytest.approx((456 - 75) * scale, abs=3)
    assert edge["y"] - image["y"] == pytest.approx((266 - 56) * scale, abs=3)
    assert edge["width"] == pytest.approx(150 * scale, abs=5)


async def test_boxes_follow_the_picture_when_the_window_changes(playground: Playground) -> None:
    page = playground.page
    await playground.example()
    edge = page.locator("#overlay .box[data-index='3'] .edge")
    before = await edge.bounding_box()
    await page.set_viewport_size({"width": 390, "height": 800})
    await asyncio.sleep(0.3)
    after = await edge.bounding_box()
    assert before is not None
    assert after is not None
    assert after["width"] < 0.7 * before["width"]


async def test_a_row_and_its_box_light_up_together(playground: Playground) -> None:
    page = playground.page
    await playground.example()
    await page.locator(".objects tbody tr").nth(2).hover()
    await expect(page.locator("#overlay .box.lit")).to_have_attribute("data-index", "2")

    await page.mouse.move(0, 0)
    await expect(page.locator("#overlay .box.lit")).to_have_count(0)
    await page.locator("#overlay .box[data-index='4'] .edge").hover()
    await expect(page.locator(".objects .lit")).to_have_attribute("data-index", "4")


async def test_a_slider_asks_again_and_redraws(playground: Playground, fake: FakeServer) -> None:
    await playground.example()
    await expect(playground.page.locator("#overlay .box")).to_have_count(6)
    await playground.slide("Confidence", 0.7)
    await expect(playground.page.locator("#overlay .box")).to_have_count(4)
    await playground.slide("Most detections", 2)
    await expect(playground.page.locator("#overlay .box")).to_have_count(2)
    await playground.slide("Overlap (IoU)", 0.6)
    await asyncio.sleep(0.4)
    assert {key: fake.requests[-1][key] for key in ("confidence", "iou_threshold", "max_detections")} == {
        "confidence": 0.7,
        "iou_threshold": 0.6,
        "max_detections": 2,
    }


async def test_a_moving_slider_is_debounced_and_a_stale_answer_never_wins(
    playground: Playground, fake: FakeServer
) -> None:
    page = playground.page
    await playground.example()
    await expect(page.locator("#overlay .box")).to_have_count(6)
    asked = len(fake.requests)
    for step in range(30, 60):
        await playground.slide("Confidence", step / 100)
    await expect(page.locator("#overlay .box")).to_have_count(5)
    assert len(fake.requests) - asked < 15

    fake.delay_s = 1.0
    await playground.slide("Confidence", 0.0)
    await asyncio.sleep(0.4)  # on its way now
    fake.delay_s = 0.0
    await playground.slide("Confidence", 0.95)
    await expect(page.locator("#overlay .box")).to_have_count(1)
    await asyncio.sleep(1.0)
    await expect(page.locator("#overlay .box")).to_have_count(1)


async def test_classes_narrow_the_answer(playground: Playground, fake: FakeServer) -> None:
    page = playground.page
    await playground.example()
    await page.get_by_role("button", name="ring", exact=True).click()
    await expect(page.locator("#overlay .box")).to_have_count(2)
    assert fake.requests[-1]["class_filter"] == ["ring"]
    await page.get_by_role("button", name="Show all").click()
    await expect(page.locator("#overlay .box")).to_have_count(6)
    assert "class_filter" not in fake.requests[-1]


async def test_a_class_keeps_its_colour_from_chip_to_box_to_row(playground: Playground) -> None:
    page = playground.page
    await playground.example()
    await page.locator("#overlay .box").first.wait_for()
    colour = "el => getComputedStyle(el).backgroundColor"
    stroke = await page.locator("#overlay .box[data-index='1'] .edge").evaluate("el => getComputedStyle(el).stroke")
    chip = await page.get_by_role("button", name="ring", exact=True).locator(".swatch").evaluate(colour)
    row = await page.locator(".objects tbody tr").nth(1).locator(".swatch").evaluate(colour)
    assert stroke == chip == row


async def test_classification_is_a_ranking(playground: Playground, fake: FakeServer) -> None:
    page = playground.page
    await playground.example("A star, close")
    await page.get_by_role("radio", name="shapes-classifier").check(force=True)
    await expect(page.locator(".ranking li")).to_have_count(6)
    await expect(page.locator(".ranking li").first).to_contain_text("87.0 %")
    await expect(page.locator("#verdict")).to_contain_text("star")
    await expect(page.locator("#overlay .box")).to_have_count(0)
    assert fake.requests[-1]["route"] == "/infer/classification"
    assert "iou_threshold" not in fake.requests[-1]


async def test_several_labels_may_be_chosen_at_once(playground: Playground, fake: FakeServer) -> None:
    fake.multi_label = True
    page = playground.page
    await page.get_by_role("radio", name="shapes-classifier").check(force=True)
    await playground.example()
    await expect(page.locator(".ranking .chosen")).to_have_count(2)
    await expect(page.get_by_role("status")).to_contain_text("star, triangle")


async def test_the_timing_bar_splits_the_round_trip(playground: Playground) -> None:
    page = playground.page
    await playground.example()
    legend = page.locator("#timings-legend")
    for text in ("Queue0.40 ms", "Decode2.1 ms", "Preprocess1.3 ms", "Infer9.8 ms", "Post0.60 ms", "Network"):
        await expect(legend).to_contain_text(text)
    await expect(page.locator("#timings-split span")).to_have_count(6)


async def test_a_server_that_gives_no_split_is_not_blamed_on_the_network(
    playground: Playground, fake: FakeServer
) -> None:
    fake.timings = ""
    await playground.example()
    await expect(playground.page.locator("#timings-legend")).to_contain_text("did not say")
    await expect(playground.page.locator("#timings-legend")).not_to_contain_text("Network")


async def test_json_is_the_answer_and_copies(browser: Browser, site: str) -> None:
    async with opened(browser, site, permissions=["clipboard-read", "clipboard-write"]) as playground:
        page = playground.page
        await playground.example()
        await page.get_by_role("tab", name="JSON").click()
        await page.get_by_role("button", name="Copy Response").click()
        await expect(page.get_by_role("button", name="Copy Response")).to_have_text("Copied")
        copied = json.loads(await page.evaluate("navigator.clipboard.readText()"))
        shown = json.loads(await page.locator("#panel-json pre").inner_text())
        assert len(copied["predictions"]) == 6
        assert copied == shown


async def test_pictures_come_by_drop_and_by_paste(playground: Playground, fake: FakeServer) -> None:
    page = playground.page
    for event in ("drop", "paste"):
        await page.evaluate(
            """async (kind) => {
                const blob = await (await fetch("web/examples/night.jpg")).blob();
                const data = new DataTransfer();
                data.items.add(new File([blob], `${kind}ped.jpg`, { type: "image/jpeg" }));
                const event = kind === "drop"
                    ? new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true })
                    : new ClipboardEvent("paste", { clipboardData: data, bubbles: true });
                document.body.dispatchEvent(event);
            }""",
            event,
        )
        await expect(page.locator("#file-name")).to_contain_text(f"{event}ped.jpg")
        await expect(page.locator("#overlay .box")).to_have_count(6)
    assert len(fake.requests) == 2


async def test_a_file_that_is_no_picture_is_refused_in_words(
    playground: Playground, fake: FakeServer, tmp_path: Path
) -> None:
    notes = tmp_path / "notes.png"
    notes.write_text("not a picture")
    await playground.page.set_input_files("#file", notes)
    await expect(playground.page.get_by_role("alert")).to_contain_text("notes.png is not a picture")
    assert fake.requests == []
