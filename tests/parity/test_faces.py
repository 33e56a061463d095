"""Faces against OpenCV's FaceDetectorYN, and their looks against L2CS's steps in torch, on the same weights."""

from __future__ import annotations

import json
import logging
from typing import Any

import numpy as np
import pytest

from shared.errors import InvalidRequest
from tests.parity import faces, pictures
from tests.parity.foundation import FOLDER
from worker_service.engine.engine import Engine
from worker_service.engine.gaze_results import Gazes
from worker_service.engine.keypoint_results import Poses
from worker_service.settings import EngineSettings

log = logging.getLogger(__name__)
PLACES, SCORE, ANGLES = 0.02, 1e-4, 1e-3
"""Pixels of pictures up to 2401 wide, scores, and radians."""


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(EngineSettings(model_dirs=(FOLDER,), intra_op_threads=1, warm_up=False))


def answers(net: str) -> dict[str, Any]:
    known: dict[str, Any] = json.loads((FOLDER / net / "answers.json").read_bytes())
    return known


def compare(found: Poses, known: list[dict[str, Any]], what: str) -> None:
    limit = np.array(found.image, np.float32)
    assert len(found.boxes) == len(known)
    if not known:
        return
    boxes = np.clip(np.array([row["box"] for row in known]).reshape(-1, 2, 2), 0, limit).reshape(-1, 4)
    points = np.clip(np.array([row["points"] for row in known]), 0, limit)
    off = max(np.abs(found.boxes - boxes).max(), np.abs(found.keypoints[..., :2] - points).max())
    unsure = np.abs(found.scores - [row["score"] for row in known]).max()
    log.info("%s: %d faces, places off by %.1e pixels, scores by %.1e", what, len(known), off, unsure)
    assert off <= PLACES
    assert unsure <= SCORE


def test_faces_and_their_points(engine: Engine) -> None:
    found = engine.infer(
        "yunet", [pictures.read(name) for name in faces.NAMES], {"confidence": faces.SCORE, "max_detections": 1000}
    )
    known = answers("yunet")
    assert sum(map(len, known.values())) >= 50
    for name, one in zip(faces.NAMES, found, strict=True):
        assert isinstance(one, Poses)
        compare(one, known[name], name)


def test_looks_of_faces(engine: Engine) -> None:
    asked = {"confidence": faces.SCORE, "max_faces": faces.MOST}
    found = engine.infer("l2cs", [pictures.read(name) for name in faces.NAMES], asked)
    known = answers("l2cs")
    assert np.ptp([angle for row in known.values() for angle in row["angles"]], axis=0).min() > 0.2, "radians"
    for name, one in zip(faces.NAMES, found, strict=True):
        assert isinstance(one, Gazes)
        compare(one, known[name]["faces"], name)
        off = np.abs(one.angles - np.reshape(known[name]["angles"], (-1, 2))).max(initial=0)
        log.info("%s: looks off by %.1e radians", name, off)
        assert off <= ANGLES


@pytest.mark.parametrize("net", ["l2cs", "l2cs-radians"])
def test_looks_of_pictures_that_are_faces(engine: Engine, net: str) -> None:
    found = engine.infer(net, [pictures.read(name) for name in faces.NAMES], {"find_faces": False})
    for name, one in zip(faces.NAMES, found, strict=True):
        assert isinstance(one, Gazes)
        assert one.boxes.tolist() == [[0, 0, *one.image]]
        off = np.abs(one.angles[0] - answers("l2cs")[name]["whole"]).max()
        log.info("%s, %s: off by %.1e radians", net, name, off)
        assert off <= ANGLES


def test_without_a_detector_of_faces(engine: Engine) -> None:
    data = pictures.read("odd.jpg")
    with pytest.raises(InvalidRequest, match="do_run_face_detection"):
        engine.infer("l2cs-radians", [data], {"find_faces": True})
    (found,) = engine.infer("l2cs-radians", [data])
    assert len(found.to_dict()["predictions"]) == 1  # type: ignore[union-attr]


def test_no_faces(engine: Engine) -> None:
    for net in ("yunet", "l2cs"):
        (found,) = engine.infer(net, [pictures.read("blank.jpg")], {"confidence": 1.0})
        assert found.to_dict()["predictions"] == []  # type: ignore[union-attr]
