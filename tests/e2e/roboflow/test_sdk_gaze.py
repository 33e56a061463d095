"""inference-sdk: faces and where they look, against small nets whose answers are recorded."""

from __future__ import annotations

import json

import pytest

from tests.parity import foundation, pictures
from tests.sdk.environments import CallFailed, Sdk, image, python_of

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
NAME = "odd.jpg"
LAST = "0.30.0"
"""The last version of the SDK here whose method asks the server."""


@pytest.fixture
def older(drivers: dict[str, Sdk]) -> Sdk:
    python_of(LAST)
    return drivers[LAST]


def test_looks_are_those_of_the_reference(older: Sdk) -> None:
    known = json.loads((foundation.FOLDER / "l2cs" / "answers.json").read_bytes())[NAME]
    (found,) = older.call("detect_gazes", image(pictures.FOLDER / NAME))
    assert set(found) == {"predictions", "time", "time_face_det", "time_gaze_det"}
    best = found["predictions"][0]
    left, top, right, bottom = known["faces"][0]["box"]
    assert best["face"]["confidence"] == pytest.approx(known["faces"][0]["score"], abs=1e-4)
    assert best["face"]["class"] == "face"
    assert len(best["face"]["landmarks"]) == 5
    assert (best["yaw"], best["pitch"]) == pytest.approx(known["angles"][0], abs=1e-3)
    assert best["face"]["width"] <= right - left + 0.01, "cut off at the picture's edge, or all of it"
    assert top < best["face"]["y"] < bottom
    several = older.call("detect_gazes", [image(pictures.FOLDER / NAME)] * 2)
    assert [len(each["predictions"]) for each in several] == [len(found["predictions"])] * 2


def test_newer_versions_refuse_by_themselves(newest: Sdk) -> None:
    with pytest.raises(CallFailed, match="removed"):
        newest.call("detect_gazes", image(pictures.FOLDER / NAME))


def test_faces_are_objects_with_keypoints(newest: Sdk) -> None:
    known = json.loads((foundation.FOLDER / "yunet" / "answers.json").read_bytes())[NAME]
    found = newest.call("infer", image(pictures.FOLDER / NAME), model_id="faces/yunet")
    best = found["predictions"][0]
    assert best["confidence"] == pytest.approx(known[0]["score"], abs=1e-4)
    assert [point["class"] for point in best["keypoints"]][:3] == ["right_eye", "left_eye", "nose"]
