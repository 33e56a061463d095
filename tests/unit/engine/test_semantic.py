from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from shared.errors import ModelLoadFailed
from tests.unit.engine import graphs
from tests.unit.engine.test_masks import bilinear, bounds_of, geometry_of
from worker_service.engine.engine import Engine
from worker_service.engine.vision.class_map import class_map
from worker_service.engine.vision.masks import mask_axes
from worker_service.settings import EngineSettings

RANDOM = np.random.default_rng(2)


def answer(folder: Path, output: Any, labels: list[str], image: Any, **params: Any) -> dict[str, Any]:
    graphs.answers(folder / "m" / "weights.onnx", {"output": output})
    graphs.package(folder / "m", task="semantic-segmentation", family="semantic-segmentation", labels=labels)
    engine = Engine(EngineSettings(model_dirs=(folder,), intra_op_threads=1))
    return engine.infer("m", [image], params)[0].to_dict()


def planes(output: dict[str, Any]) -> tuple[Any, Any]:
    return tuple(  # type: ignore[return-value]
        cv2.imdecode(np.frombuffer(output["predictions"][key], np.uint8), cv2.IMREAD_UNCHANGED)
        for key in ("segmentation_mask", "confidence_mask")
    )


@pytest.mark.parametrize("size", [(64, 64), (40, 90), (37, 21), (7, 120)])
def test_classes_equal_the_naive_ones(size: tuple[int, int]) -> None:
    logits = RANDOM.normal(size=(5, 8, 8)).astype(np.float32) * 3
    geometry = geometry_of(size, "letterbox")
    classes, chances = class_map(logits, mask_axes(geometry, (64, 64), (8, 8)))
    bounds = (
        bounds_of(geometry.gain_x, geometry.left, geometry.width, 8),
        bounds_of(geometry.gain_y, geometry.top, geometry.height, 8),
    )
    for row in range(size[0]):
        for column in range(size[1]):
            x = ((column + 0.5) * geometry.gain_x + geometry.left) / 8 - 0.5
            y = ((row + 0.5) * geometry.gain_y + geometry.top) / 8 - 0.5
            values = np.array([bilinear(plane, x, y, bounds) for plane in logits])
            powers = np.exp(values - values.max())
            assert chances[row, column] == pytest.approx(powers.max() / powers.sum(), abs=1e-4)
            if np.diff(np.sort(values))[-1] > 1e-3:
                assert classes[row, column] == values.argmax()


def test_wire_shape(tmp_path: Path) -> None:
    logits = np.full((3, 16, 16), -5, np.float32)
    logits[0], logits[1, :, :8] = 0, 6
    output = answer(tmp_path, logits, ["background", "left", "never"], np.zeros((128, 128, 3), np.uint8))
    mask, confidence = planes(output)
    assert output["task"] == "semantic-segmentation"
    assert output["predictions"]["class_map"] == {"0": "background", "1": "left", "2": "never"}
    assert output["predictions"]["present_class_ids"] == [0, 1]
    assert mask.shape == confidence.shape == (128, 128)
    assert np.unique(mask[:, :60]).tolist() == [1]
    assert np.unique(mask[:, 68:]).tolist() == [0]
    assert confidence[0, 0] == round(255 * np.exp(6) / (np.exp(6) + 1 + np.exp(-5)))


def test_unsure_pixels_are_background_when_there_is_one(tmp_path: Path) -> None:
    logits = np.zeros((2, 16, 16), np.float32)
    logits[1] = 0.5  # 0.62
    image = np.zeros((32, 32, 3), np.uint8)
    for labels, confidence, expected in (
        (["background", "thing"], 0.6, 1),
        (["background", "thing"], 0.7, 0),
        (["Background", "thing"], 0.7, 0),
        (["ground", "thing"], 0.7, 1),
    ):
        mask, _ = planes(answer(tmp_path, logits, labels, image, confidence=confidence))
        assert np.unique(mask).tolist() == [expected]


@pytest.mark.parametrize(("labels", "ids"), [(["background", "x", "y"], [1, 2]), (["x", "background", "y"], [0, 2])])
def test_channels_may_leave_the_background_out(tmp_path: Path, labels: list[str], ids: list[int]) -> None:
    logits = np.full((2, 16, 16), -9, np.float32)
    logits[0, :, :8] = logits[1, :, 8:] = 9
    mask, _ = planes(answer(tmp_path, logits, labels, np.zeros((64, 64, 3), np.uint8)))
    assert [mask[30, 2], mask[30, 60]] == ids


def test_one_channel_is_the_foreground(tmp_path: Path) -> None:
    logits = np.full((1, 16, 16), -2, np.float32)
    logits[:, :, :8] = 2
    mask, confidence = planes(answer(tmp_path, logits, ["background", "x"], np.zeros((64, 64, 3), np.uint8)))
    assert [mask[30, 2], mask[30, 60]] == [1, 0]
    assert confidence[30, 2] == confidence[30, 60] == round(255 / (1 + np.exp(-2)))


@pytest.mark.parametrize("labels", [["x"], ["x", "y"], ["background"], [str(i) for i in range(257)]])
def test_labels_must_fit(tmp_path: Path, labels: list[str]) -> None:
    with pytest.raises(ModelLoadFailed, match=r"'labels' in model\.json"):
        answer(tmp_path, np.zeros((1, 4, 4), np.float32), labels, np.zeros((64, 64, 3), np.uint8))


def test_graphs_that_answer_classes(tmp_path: Path) -> None:
    cells = np.repeat(np.repeat(np.array([[0, 1], [2, 0]], np.int64), 8, axis=0), 8, axis=1)
    mask, confidence = planes(answer(tmp_path, cells, ["a", "b", "c"], np.zeros((200, 200, 3), np.uint8)))
    assert [mask[y, x] for y, x in ((99, 99), (99, 100), (100, 99), (100, 100))] == [0, 1, 2, 0]
    assert np.unique(confidence).tolist() == [255]


def test_picture_tints_all_but_the_background(tmp_path: Path) -> None:
    logits = np.full((2, 16, 16), 0, np.float32)
    logits[1, :, :8] = 9
    image = np.full((64, 64, 3), 200, np.uint8)
    params = {"visualize": True, "visualization_labels": False}
    picture = answer(tmp_path, logits, ["background", "x"], image, **params)["visualization"]
    shown = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    assert np.abs(shown[:, 48:].astype(int) - 200).max() < 12
    assert np.abs(shown[:, :20].astype(int) - 200).max() > 60
