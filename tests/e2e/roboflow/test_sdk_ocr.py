"""inference-sdk: text in images, against small nets whose answers are known."""

from __future__ import annotations

import pytest

from tests.parity import pictures
from tests.sdk.environments import Sdk, image

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
ODD = pictures.FOLDER / "odd.jpg"


def test_trocr(newest: Sdk) -> None:
    found = newest.call("ocr_image", image(ODD), model="trocr")
    assert set(found) >= {"result", "time", "parent_id"}
    assert len(found["result"]) > 20
    assert (
        newest.call("ocr_image", image(ODD), model="trocr", version="trocr-base-printed")["result"] == found["result"]
    )
