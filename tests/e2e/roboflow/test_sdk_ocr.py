"""inference-sdk: text in images, against small nets whose answers are known."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.parity import pictures, reading
from tests.sdk.environments import Sdk, image
from tests.unit.engine import ocr_graphs

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
ODD = pictures.FOLDER / "odd.jpg"


def test_trocr(newest: Sdk) -> None:
    found = newest.call("ocr_image", image(ODD), model="trocr")
    assert set(found) >= {"result", "time", "parent_id"}
    assert len(found["result"]) > 20
    assert (
        newest.call("ocr_image", image(ODD), model="trocr", version="trocr-base-printed")["result"] == found["result"]
    )


def test_doctr(newest: Sdk) -> None:
    page = image(reading.FOLDER / "tall.jpg")
    found = newest.call("ocr_image", page, model="doctr")
    assert set(found) == {"result", "time", "parent_id"}
    assert len(found["result"].split("\n")) >= 3
    whole = newest.call("ocr_image", page, model="doctr", generate_bounding_boxes=True, version="default")
    assert [each["class"] for each in whole["predictions"]] == found["result"].split()
    assert whole["image"] == {"width": 311, "height": 640}
    assert [each["result"] for each in newest.call("ocr_image", [page, page], model="doctr")] == [found["result"]] * 2


def test_easy_ocr(newest: Sdk) -> None:
    page = image(reading.FOLDER / "tall.jpg")
    found = newest.call("ocr_image", page, model="easy_ocr", quantize=False)
    assert found["result"] == " ".join(each["class"] for each in found["predictions"])
    assert (len(found["predictions"]), found["image"]) == (5, {"width": 311, "height": 640})
    more = newest.call("ocr_image", page, model="easy_ocr", version="english_g2", language_codes=["en", "de", "fr"])
    assert more["result"] != found["result"]
    assert "ö" in more["result"]


def test_lmm(newest: Sdk) -> None:
    for in_path in (False, True):
        found = newest.call(
            "infer_lmm",
            image(ODD),
            model_id="florence-2-base",
            prompt="<OD>",
            model_id_in_path=in_path,
            max_new_tokens=12,
        )
        assert set(found["response"]["<OD>"]) == {"bboxes", "labels"}
    text = newest.call("infer_lmm", image(ODD), model_id="florence-2-base", prompt="what is it?")
    assert isinstance(text["response"], str)


def test_smolvlm(newest: Sdk) -> None:
    asked = {"model_id": "smolvlm2/smolvlm-2.2b-instruct", "prompt": "what is it?", "max_new_tokens": 12}
    said = newest.call("infer_lmm", image(ODD), **asked)["response"]
    assert said
    assert newest.call("infer_lmm", image(reading.FOLDER / "tall.jpg"), **asked)["response"] != said


def test_moondream(newest: Sdk) -> None:
    asked = {"model_id": "moondream2/moondream2_2b_jul24", "max_new_tokens": 12}
    for prompt in ("caption: short", "what is it?"):
        assert isinstance(newest.call("infer_lmm", image(ODD), prompt=prompt, **asked)["response"], str)
    found = newest.call("infer_lmm", image(ODD), prompt="detect: a boat", **asked)
    assert [each["class"] for each in found["predictions"]] == ["a boat"] * 4
    assert len(found["response"]["detect"]["bboxes"]) == 4
    points = newest.call("infer_lmm", image(ODD), prompt="point: a boat", **asked)["response"]["point"]["points"]
    assert len(points) == 6
    assert all(0 <= x <= 333 and 0 <= y <= 217 for x, y in points)


def test_paligemma(newest: Sdk) -> None:
    asked = {"model_id": "paligemma2-3b-pt-224", "prompt": "detect boat ; dog", "max_new_tokens": 400}
    found = newest.call("infer_lmm", image(ODD), **asked)
    runs = re.findall(r"(?<!\d>)<loc(\d{4})><loc(\d{4})><loc(\d{4})><loc(\d{4})>(?!<loc)", found["response"])
    assert runs
    places = [[int(place) / 1024 for place in run] for run in runs]  # y0, x0, y1, x1
    centres = [((left + right) / 2 * 333, (top + bottom) / 2 * 217) for top, left, bottom, right in places]
    assert [(each["x"], each["y"]) for each in found["predictions"]] == [pytest.approx(each) for each in centres]


def test_blocks_read_and_answer(newest: Sdk) -> None:
    steps = [
        {"type": "roboflow_core/moondream2@v1", "name": "find", "images": "$inputs.image", "prompt": "a boat"},
        {"type": "roboflow_core/ocr_model@v1", "name": "read", "images": "$inputs.image"},
        {"type": "roboflow_core/smolvlm2@v1", "name": "ask", "images": "$inputs.image", "prompt": "what is it?"},
    ]
    outputs = [
        {"type": "JsonField", "name": "text", "selector": "$steps.read.result"},
        {"type": "JsonField", "name": "words", "selector": "$steps.read.predictions"},
        {"type": "JsonField", "name": "found", "selector": "$steps.find.predictions"},
        {"type": "JsonField", "name": "said", "selector": "$steps.ask.parsed_output"},
    ]
    inputs = [{"type": "WorkflowImage", "name": "image"}]
    definition = {"version": "1.0", "inputs": inputs, "steps": steps, "outputs": outputs}
    page = image(reading.FOLDER / "tall.jpg")
    (row,) = newest.call("run_workflow", key="any-key", images={"image": page}, specification=definition)
    assert row["text"] == newest.call("ocr_image", page, model="doctr")["result"]
    assert [word["class"] for word in row["words"]["predictions"]] == row["text"].split()
    assert row["said"]
    assert {each["class"] for each in row["found"]["predictions"]} == {"a boat"}


def test_pp_ocr(newest: Sdk, tmp_path: Path) -> None:
    found = newest.call("ocr_image", image(ocr_graphs.picture(tmp_path / "words.png")), model="pp_ocr", version="small")
    assert found["result"] == "a b\nc"
    assert [each["class"] for each in found["predictions"]] == ["a", "b", "c"]
    assert found["image"] == {"width": 160, "height": 120}
