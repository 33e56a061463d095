"""inference-sdk: text in images, against small nets whose answers are known."""

from __future__ import annotations

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


def test_pp_ocr(newest: Sdk, tmp_path: Path) -> None:
    found = newest.call("ocr_image", image(ocr_graphs.picture(tmp_path / "words.png")), model="pp_ocr", version="small")
    assert found["result"] == "a b\nc"
    assert [each["class"] for each in found["predictions"]] == ["a", "b", "c"]
    assert found["image"] == {"width": 160, "height": 120}
