"""What the example graphs answer, task by task and family by family."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.unit.engine import examples, graphs
from worker_service.engine.engine import Engine
from worker_service.engine.family import registry
from worker_service.engine.inspect import inspect
from worker_service.engine.vision.rle import expand
from worker_service.settings import EngineSettings

SQUARE = np.full((64, 64, 3), 9, np.uint8)


def of_task(*tasks: str) -> list[str]:
    """Families of these tasks, but for those whose net is kept whole and answers what it was made to."""
    return [family.name for family in registry() if family.task in tasks and not examples.EXAMPLES[family.name]().net]


BOXED = of_task("object-detection", "instance-segmentation", "keypoint-detection")


def answer(folder: Path, family: str, image: Any = SQUARE, params: Any = None, **fields: Any) -> dict[str, Any]:
    task = registry().get(family).task
    examples.model(folder / "m", family, task, **fields)
    engine = Engine(EngineSettings(model_dirs=(folder,), intra_op_threads=1))
    (result,) = engine.infer("m", [image], params)
    return result.to_dict()


def corners(prediction: dict[str, Any]) -> list[float]:
    x, y, w, h = (prediction[key] for key in ("x", "y", "width", "height"))
    return [x - w / 2, y - h / 2, x + w / 2, y + h / 2]


def mask_of(prediction: dict[str, Any]) -> Any:
    height, width = prediction["rle"]["size"]
    counts = expand(prediction["rle"]["counts"])
    return np.repeat(np.arange(len(counts)) % 2, counts).reshape(width, height).T


@pytest.mark.parametrize("family", BOXED)
def test_boxes_scores_and_classes(tmp_path: Path, family: str) -> None:
    predictions = answer(tmp_path, family)["predictions"]
    assert [p["class"] for p in predictions] == ["a", "b"]
    assert [p["confidence"] for p in predictions] == pytest.approx(examples.SCORES, abs=1e-3)
    np.testing.assert_allclose([corners(p) for p in predictions], examples.BOXES, atol=0.05)


@pytest.mark.parametrize("family", BOXED)
def test_boxes_in_source_pixels_of_another_shape(tmp_path: Path, family: str) -> None:
    """A picture of 128 x 128 is the input twice as large, however it is resized."""
    fields: dict[str, Any] = {"input": {**examples.input_of(family), "border": 0}}
    predictions = answer(tmp_path, family, np.zeros((128, 128, 3), np.uint8), **fields)["predictions"]
    np.testing.assert_allclose([corners(p) for p in predictions], examples.BOXES * 2, atol=0.1)


@pytest.mark.parametrize("family", BOXED)
def test_threshold_limit_and_filter(tmp_path: Path, family: str) -> None:
    for params, expected in (
        ({"confidence": 0.85}, ["a"]),
        ({"confidence": 0.95}, []),
        ({"max_detections": 1}, ["a"]),
        ({"class_filter": ["b", "c"]}, ["b"]),
        ({"class_filter": []}, []),
        ({"nms_mode": "legacy"}, ["a", "b"]),
    ):
        assert [p["class"] for p in answer(tmp_path, family, params=params)["predictions"]] == expected


@pytest.mark.parametrize("family", BOXED)
def test_half_precision_graphs(tmp_path: Path, family: str) -> None:
    predictions = answer(tmp_path, family, options={"half": True})["predictions"]
    np.testing.assert_allclose([corners(p) for p in predictions], examples.BOXES, atol=0.1)
    assert [p["confidence"] for p in predictions] == pytest.approx(examples.SCORES, abs=2e-3)


def filled(family: str) -> Any:
    """What masks fill: the boxes; YOLACT's all cells of 4 pixels from one before the box on, in its half."""
    if family != "yolact":
        return examples.BOXES
    grown = np.ceil((examples.BOXES + np.array([-4, -4, 4, 4])) / 4) * 4
    return np.clip(grown, [[0, 0, 0, 0], [32, 0, 32, 0]], [[32, 64, 32, 64], [64, 64, 64, 64]])


@pytest.mark.parametrize("family", of_task("instance-segmentation"))
def test_masks(tmp_path: Path, family: str) -> None:
    """Each mask fills its box: prototypes are halves of the picture, and the boxes lie in one half each."""
    predictions = answer(tmp_path, family, params={"response_mask_format": "rle"})["predictions"]
    for prediction, box in zip(predictions, filled(family).astype(int).tolist(), strict=True):
        expected = np.zeros((64, 64), int)
        expected[box[1] : box[3], box[0] : box[2]] = 1
        assert prediction["mask_format"] == "rle"
        assert "points" not in prediction
        rounded = 4 if family == "yolact" else 0  # corners: it interpolates after it cuts
        assert np.count_nonzero(mask_of(prediction) != expected) <= rounded


@pytest.mark.parametrize("family", of_task("instance-segmentation"))
@pytest.mark.parametrize("mode", ["accurate", "tradeoff", "fast"])
def test_outlines(tmp_path: Path, family: str, mode: str) -> None:
    params = {"mask_decode_mode": mode, "tradeoff_factor": 0.5}
    predictions = answer(tmp_path, family, params=params)["predictions"]
    for prediction, box in zip(predictions, filled(family).tolist(), strict=True):
        assert prediction["mask_format"] == "polygon"
        points = np.array([(point["x"], point["y"]) for point in prediction["points"]])
        reach = [*points.min(axis=0), *(points.max(axis=0) + 1)]
        assert reach == pytest.approx(box, abs=0.01 if mode == "accurate" else 5)


@pytest.mark.parametrize("family", of_task("instance-segmentation"))
@pytest.mark.parametrize("size", [(64, 64), (40, 90), (7, 300), (1, 1)])
def test_masks_of_all_modes_stay_inside_the_picture(tmp_path: Path, family: str, size: tuple[int, int]) -> None:
    image = np.zeros((*size, 3), np.uint8)
    for mode in ("accurate", "tradeoff", "fast"):
        params = {"mask_decode_mode": mode, "response_mask_format": "rle"}
        for prediction in answer(tmp_path, family, image, params)["predictions"]:
            assert prediction["rle"]["size"] == list(size)
            assert expand(prediction["rle"]["counts"]).sum() == size[0] * size[1]
        for prediction in answer(tmp_path, family, image, {"mask_decode_mode": mode})["predictions"]:
            for point in prediction["points"]:
                assert 0 <= point["x"] <= size[1] - 1
                assert 0 <= point["y"] <= size[0] - 1


@pytest.mark.parametrize("form", ["polygon", "rle"])
def test_pictures_tint_the_masks(tmp_path: Path, form: str) -> None:
    """Grey becomes coloured inside the boxes; without labels and lines nothing else does."""
    params = {"visualize": True, "visualization_labels": False, "response_mask_format": form}
    picture = answer(tmp_path, "yolov8-seg", np.full((64, 64, 3), 128, np.uint8), params)["visualization"]
    shown = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR).astype(int)
    spread = shown.max(axis=2) - shown.min(axis=2)
    for x0, y0, x1, y1 in examples.BOXES.astype(int).tolist():
        assert spread[y0 + 4 : y1 - 4, x0 + 4 : x1 - 4].min() > 40
        spread[max(0, y0 - 4) : y1 + 4, max(0, x0 - 4) : x1 + 4] = 0
    assert spread[:, :].max() < 40


@pytest.mark.parametrize("form", ["polygon", "rle"])
def test_boxes_without_a_pixel_of_mask_are_left_out(tmp_path: Path, form: str) -> None:
    """As Ultralytics' predictor leaves them out; in coarser cells an object may have none and is reported."""
    boxes = np.array([[4, 4, 20, 20], [30, 30, 50, 50]], np.float32)
    weights = np.zeros((2, 32), np.float32)
    weights[:, 2] = 1, -1
    engine = prototype_model(tmp_path, boxes, weights)
    for mode, count in (("accurate", 1), ("fast", 2)):
        (result,) = engine.infer("m", [SQUARE], {"response_mask_format": form, "mask_decode_mode": mode})
        predictions = result.to_dict()["predictions"]
        assert len(predictions) == count
        np.testing.assert_allclose(corners(predictions[0]), boxes[0])


def prototype_model(folder: Path, boxes: Any, weights: Any) -> Engine:
    """An engine whose model m answers these boxes, in order, with prototypes in these weights."""
    centre = np.concatenate([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], axis=1)
    scores = np.zeros((len(boxes), 3), np.float32)
    scores[:, 0] = np.linspace(0.9, 0.5, len(boxes))
    rows = np.concatenate([centre, scores, weights], axis=1).T.copy()
    outputs = {"output0": np.pad(rows, ((0, 0), (0, 84))), "output1": examples.prototypes()}
    graphs.answers(folder / "m" / "weights.onnx", outputs)
    graphs.package(folder / "m", task="instance-segmentation", family="yolov8-seg")
    return Engine(EngineSettings(model_dirs=(folder,), intra_op_threads=1))


def test_many_masks_are_made_in_chunks(tmp_path: Path) -> None:
    """150 boxes beside one another: each keeps its own mask."""
    boxes = np.array([[x, y, x + 3, y + 3] for y in range(1, 60, 4) for x in range(1, 40, 4)], np.float32)
    weights = np.zeros((len(boxes), 32), np.float32)
    weights[:, 2] = 1
    engine = prototype_model(tmp_path, boxes, weights)
    (result,) = engine.infer("m", [SQUARE], {"response_mask_format": "rle"})
    predictions = result.to_dict()["predictions"]
    assert len(predictions) == len(boxes) == 150
    for prediction, (x0, y0, x1, y1) in zip(predictions, boxes.astype(int).tolist(), strict=True):
        mask = mask_of(prediction)
        assert mask.sum() == 9
        assert mask[y0:y1, x0:x1].all()


@pytest.mark.parametrize("family", of_task("keypoint-detection"))
def test_keypoints(tmp_path: Path, family: str) -> None:
    output = answer(tmp_path, family)
    for prediction, box in zip(output["predictions"], examples.BOXES.tolist(), strict=True):
        points = prediction["keypoints"]
        assert [(p["class_id"], p["class"]) for p in points] == [(0, "head"), (1, "tail")]
        assert [p["confidence"] for p in points] == pytest.approx([0.9, 0.3], abs=1e-3)
        assert [p[axis] for p in points for axis in "xy"] == pytest.approx(box, abs=0.05)
    sure = answer(tmp_path, family, params={"keypoint_confidence": 0.5})["predictions"]
    assert [[p["class"] for p in prediction["keypoints"]] for prediction in sure] == [["head"], ["head"]]


@pytest.mark.parametrize("family", BOXED)
def test_pictures_show_something(tmp_path: Path, family: str) -> None:
    image = np.zeros((200, 300, 3), np.uint8)
    picture = answer(tmp_path, family, image, {"visualize": True})["visualization"]
    shown = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    assert shown.shape == image.shape
    assert (shown > 60).mean() > 0.01


@pytest.mark.parametrize("family", [f.name for f in registry() if not examples.EXAMPLES[f.name]().net])
def test_the_proposal_of_inspect_runs(tmp_path: Path, family: str) -> None:
    path = examples.graph(tmp_path / "m" / "weights.onnx", family)
    chosen = inspect(path, "m", family)
    fields = chosen.manifest.model_copy(update=examples.fields_to_state(family))
    (tmp_path / "m" / "model.json").write_text(fields.model_dump_json())
    (result,) = Engine(EngineSettings(model_dirs=(tmp_path,))).infer("m", [SQUARE])
    output = result.to_dict()
    assert any(output.get(name) for name in ("predictions", "normalized_depth", "embedding"))
    assert inspect(path, "m").manifest.family == family
