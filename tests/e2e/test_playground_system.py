"""The playground on the real system: redis, API, worker, the project's own models."""

import base64
import json
import re
import shutil
from collections import Counter
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Route, expect

from tests.e2e.browser import Playground, opened
from tests.e2e.fakeserver import WEB
from tests.launcher import Launched
from tests.parity import foundation

pytest_plugins = ["tests.e2e.playground_fixtures"]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.e2e,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="module"),
]

# What models/training/scenes.py drew: seed 142.
ON_PAPER = Counter(cross=2, ring=3, triangle=1, circle=1)


@pytest_asyncio.fixture(loop_scope="module")
async def real(browser: Browser, base_url: str) -> AsyncIterator[Playground]:
    async with opened(browser, f"{base_url}/") as playground:
        playground.page.set_default_timeout(30_000)
        yield playground
        assert playground.errors == []
        assert playground.elsewhere == []


async def choose(playground: Playground, model: str) -> None:
    await playground.page.locator(f"input[name=model][value='{model}']").check(force=True)


async def test_a_picture_becomes_the_boxes_that_were_drawn(real: Playground) -> None:
    page = real.page
    await choose(real, "shapes-detector")
    await real.example("Shapes on paper")
    await expect(page.locator("#overlay .box")).to_have_count(ON_PAPER.total(), timeout=30_000)
    names = await page.locator(".objects tbody th").all_inner_texts()
    assert Counter(name.strip() for name in names) == ON_PAPER

    await page.get_by_role("tab", name="JSON").click()
    answer = json.loads(await page.locator("#panel-json pre").inner_text())
    assert len(answer["predictions"]) == ON_PAPER.total()
    assert answer["image"] == {"width": 640, "height": 480}


async def test_a_higher_threshold_and_a_class_narrow_it(real: Playground) -> None:
    page = real.page
    await choose(real, "shapes-detector")
    await real.example("Shapes on paper")
    await page.get_by_role("button", name="ring", exact=True).click()
    await expect(page.locator("#overlay .box")).to_have_count(ON_PAPER["ring"], timeout=30_000)
    await real.slide("Confidence", 1)
    await expect(page.get_by_text("Nothing found")).to_be_visible()


async def test_a_close_up_is_classified(real: Playground) -> None:
    await choose(real, "shapes-classifier")
    await real.example("A star, close")
    await expect(real.page.locator(".ranking li").first).to_contain_text("star", timeout=30_000)
    await expect(real.page.locator(".ranking li")).to_have_count(6)


async def test_the_timing_names_every_step(real: Playground) -> None:
    await choose(real, "shapes-detector")
    await real.example()
    legend = real.page.locator("#timings-legend")
    await expect(legend).to_be_visible(timeout=30_000)
    for step in ("Queue", "Decode", "Preprocess", "Infer", "Post", "Network"):
        await expect(legend).to_contain_text(step)


async def test_the_worker_that_did_it_is_shown_with_its_model(real: Playground) -> None:
    await choose(real, "shapes-detector")
    await real.example()
    await expect(real.page.locator("#overlay .box").first).to_be_visible(timeout=30_000)
    worker = real.page.locator(".worker").first
    await expect(worker).to_contain_text("ready", timeout=10_000)
    await expect(worker).to_contain_text("shapes-detector", timeout=10_000)
    await expect(real.page.locator("#status-text")).to_have_text("1 worker ready")


async def test_bytes_that_are_no_image_are_refused_by_the_server_in_words(real: Playground) -> None:
    """The browser shows the file that it was given; what reaches the server is cut short on the way."""
    page = real.page
    await choose(real, "shapes-detector")
    await page.route("**/infer/*", _cut)
    await real.example()
    await expect(page.get_by_role("alert")).to_contain_text("invalid_image", timeout=30_000)
    real.errors[:] = [error for error in real.errors if "status of 400" not in error]


async def _cut(route: Route) -> None:
    body = json.loads(route.request.post_data or "")
    body["image"]["value"] = body["image"]["value"][:400]
    await route.continue_(post_data=json.dumps(body))


async def test_depth_and_embeddings_are_shown(real: Playground, system: Launched) -> None:
    for net in ("depth-anything", "clip"):
        shutil.copytree(foundation.FOLDER / net, system.data_dir / "models" / net, dirs_exist_ok=True)
    page = real.page
    await expect(page.locator("input[name=model][value='clip']")).to_be_attached(timeout=30_000)
    await choose(real, "depth-anything")
    await real.example("Shapes on paper")
    await expect(page.get_by_alt_text("Depth map")).to_be_visible(timeout=30_000)
    await choose(real, "clip")
    await expect(page.get_by_role("img", name="The vector's numbers")).to_be_visible(timeout=30_000)
    await expect(page.get_by_text("24 numbers")).to_be_visible()


async def test_pictures_and_texts_make_a_matrix(real: Playground, system: Launched) -> None:
    """A row for each picture that was looked at, a column for each text; the numbers are those of the route."""
    shutil.copytree(foundation.FOLDER / "clip", system.data_dir / "models" / "clip", dirs_exist_ok=True)
    page = real.page
    await expect(page.locator("input[name=model][value='clip']")).to_be_attached(timeout=30_000)
    await choose(real, "clip")
    await real.example("Shapes on paper")
    await expect(page.get_by_role("img", name="The vector's numbers")).to_be_visible(timeout=30_000)
    await page.get_by_role("textbox", name="Texts to compare").fill("a red circle, two squares")
    matrix = page.get_by_role("table", name="Similarity")
    await expect(matrix.locator("tbody td")).to_have_count(2, timeout=30_000)
    await real.example("Shapes on green")
    await expect(matrix.locator("tbody td")).to_have_count(4, timeout=30_000)
    assert await matrix.locator("thead th").all_inner_texts() == ["Picture", "a red circle", "two squares"]
    shown = [float(text) for text in await matrix.locator("tbody tr").first.locator("td").all_inner_texts()]
    subject = {"type": "base64", "value": base64.b64encode((WEB / "examples" / "meadow.jpg").read_bytes()).decode()}
    body = {"model_id": "clip", "subject": subject, "prompt": ["a red circle", "two squares"]}
    async with aiohttp.ClientSession() as session, session.post(f"{system.base_url}/clip/compare", json=body) as answer:
        assert shown == pytest.approx((await answer.json())["similarity"], abs=1e-3)
    await page.get_by_role("textbox", name="Texts to compare").fill("")
    await expect(matrix).to_have_count(0, timeout=30_000)


async def test_questions_are_answered_and_text_is_read(real: Playground, system: Launched) -> None:
    for net in ("florence2", "trocr-merged"):
        shutil.copytree(foundation.FOLDER / net, system.data_dir / "models" / net, dirs_exist_ok=True)
    page = real.page
    await expect(page.locator("input[name=model][value='florence2']")).to_be_attached(timeout=30_000)
    await choose(real, "florence2")
    await real.example("Shapes on paper")
    await expect(page.get_by_text("60 tokens, cut off")).to_be_visible(timeout=30_000)
    await page.get_by_label("Ask a question").get_by_role("textbox").fill("<OD>")
    await page.get_by_role("button", name="Ask", exact=True).click()
    await expect(page.locator("pre.text", has_text="bboxes")).to_be_visible(timeout=30_000)
    await choose(real, "trocr-merged")
    await expect(page.locator("pre.text")).to_be_visible(timeout=30_000)
    await expect(page.get_by_text(re.compile(r"^\d+ words$"))).to_be_visible()
    await expect(page.locator("#question")).to_be_hidden()


async def test_faces_and_looks_are_drawn(real: Playground, system: Launched) -> None:
    for net in ("yunet", "l2cs"):
        shutil.copytree(foundation.FOLDER / net, system.data_dir / "models" / net, dirs_exist_ok=True)
    page = real.page
    await expect(page.locator("input[name=model][value='l2cs']")).to_be_attached(timeout=30_000)
    await choose(real, "yunet")
    await real.example("Shapes on paper")
    await expect(page.locator("#overlay .box").first).to_be_visible(timeout=30_000)
    assert await page.locator("#overlay .point").count() == 5 * await page.locator("#overlay .box").count()
    await choose(real, "l2cs")
    await expect(page.locator("#overlay .look").first).to_be_attached(timeout=30_000)
    await expect(page.get_by_text(re.compile(r"^\d+ faces found$"))).to_be_visible()
    await expect(page.locator(".objects tbody tr").first).to_be_visible()


async def test_clicks_become_a_mask(real: Playground, system: Launched) -> None:
    shutil.copytree(foundation.FOLDER / "sam2-hf", system.data_dir / "models" / "sam2-hf", dirs_exist_ok=True)
    page = real.page
    await expect(page.locator("input[name=model][value='sam2-hf']")).to_be_attached(timeout=30_000)
    await choose(real, "sam2-hf")
    await real.example("Shapes on paper")
    await expect(page.locator("#summary")).to_contain_text("Click on an object", timeout=30_000)
    await page.locator("#picture").click(position={"x": 120, "y": 90})
    await expect(page.locator("#overlay .mask")).to_have_count(1, timeout=30_000)
    await page.locator("#picture").click(position={"x": 30, "y": 30}, modifiers=["Shift"])
    await expect(page.locator("#marks-list li")).to_have_count(2)
    await expect(page.locator("#marks-list li").last).to_contain_text("Off the object")
    await page.keyboard.press("Enter")
    await expect(page.locator("#marks-list li")).to_have_count(3)
    await expect(page.locator("#summary")).to_contain_text("Mask found", timeout=30_000)
    await page.get_by_role("button", name="Clear").click()
    await expect(page.locator("#overlay .mask")).to_have_count(0, timeout=30_000)


async def test_words_and_an_example_become_boxes(real: Playground, system: Launched) -> None:
    for net in ("yolo-world", "owlv2"):
        shutil.copytree(foundation.FOLDER / net, system.data_dir / "models" / net, dirs_exist_ok=True)
    page = real.page
    await expect(page.locator("input[name=model][value='owlv2']")).to_be_attached(timeout=30_000)
    await expect(page.locator("input[name=model][value='yolo-world']")).to_be_attached(timeout=30_000)
    await choose(real, "yolo-world")
    await real.example("Shapes on paper")
    await expect(page.locator("#summary")).to_contain_text("Say what to find", timeout=30_000)
    await page.locator("#words").fill("a red circle, square")
    await expect(page.locator("#overlay .box").first).to_be_attached(timeout=30_000)
    await expect(page.locator("#marks-card")).to_be_hidden()
    await choose(real, "owlv2")
    await page.locator("#words").fill("")
    await expect(page.locator("#summary")).to_contain_text("Say what to find", timeout=30_000)
    frame = await page.locator("#picture").bounding_box()
    assert frame is not None
    await page.mouse.move(frame["x"] + 40, frame["y"] + 40)
    await page.mouse.down()
    await page.mouse.move(frame["x"] + 120, frame["y"] + 110, steps=4)
    await page.mouse.up()
    await expect(page.locator("#marks-list li")).to_have_count(1)
    await expect(page.locator("#summary")).to_contain_text("found", timeout=30_000)
