from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from shared.errors import InvalidRequest, ModelLoadFailed
from tests.unit.engine import graphs
from worker_service.engine.engine import Engine
from worker_service.engine.families.classification import activation_of
from worker_service.engine.results import Classification

SQUARE = np.zeros((64, 64, 3), np.uint8)


def answer(engine: Engine, model: str, image: Any = SQUARE, **params: Any) -> dict[str, Any]:
    (result,) = engine.infer(model, [image], params)
    return result.to_dict()


def classes(output: dict[str, Any]) -> list[str]:
    return [prediction["class"] for prediction in output["predictions"]]


def test_boxes_in_source_pixels(engine: Engine) -> None:
    output = answer(engine, "det", np.zeros((100, 200, 3), np.uint8))
    first = output["predictions"][0]
    # 64 / 200 = 0.32; 16 rows of border above; (20, 20) with 16 x 16 in input pixels, cut at the upper edge.
    assert (first["x"], first["width"]) == (pytest.approx(62.5), pytest.approx(50))
    assert (first["y"], first["height"]) == (pytest.approx(18.75), pytest.approx(37.5))
    assert output["image"] == {"width": 200, "height": 100}


def test_detection_parameters(engine: Engine) -> None:
    assert classes(answer(engine, "det")) == ["a", "b"]
    assert classes(answer(engine, "det", confidence=0.1)) == ["a", "b", "c"]
    assert classes(answer(engine, "det", iou_threshold=1)) == ["a", "a", "b"]
    assert classes(answer(engine, "det", class_agnostic_nms=True)) == ["a"]
    assert classes(answer(engine, "det", class_agnostic_nms=True, class_filter=["b", "nobody"])) == ["b"]
    assert classes(answer(engine, "det", max_detections=1)) == ["a"]
    assert classes(answer(engine, "det", iou_threshold=1, max_candidates=2)) == ["a", "a"]
    assert classes(answer(engine, "det", confidence=1)) == []


@pytest.mark.parametrize(
    "params",
    [
        {"confidence": 2},
        {"confidence": float("nan")},
        {"confidence": "high"},
        {"iou_threshold": -1},
        {"max_detections": 0},
        {"max_detections": 10**9},
        {"class_filter": "a"},
        {"class_filter": [1]},
        {"visualization_stroke_width": 1e9},
        {"visualize": {}},
    ],
)
def test_forged_parameters_are_refused_by_name(engine: Engine, params: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match=next(iter(params))):
        engine.get("det").params(params)


def test_none_means_default_and_the_manifest_has_its_own(models: Path, engine: Engine) -> None:
    assert engine.get("det").params({"confidence": None, "unknown": 1}).confidence == 0.4
    graphs.package(models / "det", task="object-detection", family="yolov8", thresholds={"confidence": 0.85})
    assert engine.get("det").params({}).confidence == 0.85
    assert classes(answer(engine, "det")) == ["a"]


@pytest.mark.parametrize("batch", ["batch", 1, 4])
@pytest.mark.parametrize("channels", [None, "rows"])
def test_dynamic_fixed_and_symbolic_shapes(models: Path, engine: Engine, batch: Any, channels: Any) -> None:
    graphs.detector(models / "x" / "weights.onnx", graphs.ROWS, batch=batch, channels=channels)
    graphs.package(models / "x", task="object-detection", family="yolov8")
    results = engine.infer("x", [SQUARE] * 11)
    assert [classes(result.to_dict()) for result in results] == [["a", "b"]] * 11
    assert engine.get("x").max_batch == (engine.runtime.max_batch if batch == "batch" else batch)


def test_half_precision_graph(models: Path, engine: Engine) -> None:
    graphs.detector(models / "x" / "weights.onnx", graphs.ROWS, dtype=TensorProto.FLOAT16)
    graphs.package(models / "x", task="object-detection", family="yolov8")
    predictions = answer(engine, "x")["predictions"]
    assert predictions[0]["confidence"] == pytest.approx(0.9, abs=1e-3)
    assert [p["class"] for p in predictions] == ["a", "b"]


def test_quantised_graph(models: Path, engine: Engine) -> None:
    """Weights and pixels in int8 between QuantizeLinear and DequantizeLinear; scores keep a step of 1/127."""
    graphs.quantised_detector(models / "x" / "weights.onnx", graphs.ROWS)
    graphs.package(models / "x", task="object-detection", family="yolov8")
    exact, coarse = answer(engine, "det")["predictions"], answer(engine, "x")["predictions"]
    assert [p["class"] for p in coarse] == [p["class"] for p in exact] == ["a", "b"]
    assert [p["confidence"] for p in coarse] == pytest.approx([p["confidence"] for p in exact], abs=1 / 127)
    assert coarse[0]["confidence"] != exact[0]["confidence"]
    for key in ("x", "y", "width", "height"):
        assert [p[key] for p in coarse] == pytest.approx([p[key] for p in exact], abs=0.5)


@pytest.mark.parametrize("channels", [None, "rows"])
def test_labels_must_fit_the_graph(models: Path, engine: Engine, channels: Any) -> None:
    graphs.detector(models / "x" / "weights.onnx", graphs.ROWS, channels=channels)
    graphs.package(models / "x", task="object-detection", family="yolov8", labels=["a"])
    with pytest.raises(ModelLoadFailed, match="labels"):
        engine.get("x")


def test_input_size_must_fit_the_graph(models: Path, engine: Engine) -> None:
    graphs.package(models / "det", task="object-detection", family="yolov8", input={"width": 65, "height": 64})
    with pytest.raises(ModelLoadFailed, match="input"):
        engine.get("det")


def test_classification_ranks_by_colour(engine: Engine) -> None:
    red = np.zeros((30, 50, 3), np.uint8)
    red[:, :, 2] = 255
    output = answer(engine, "cls", red, confidence=0.2)
    logits = np.exp(answer_logits(red))
    expected = logits / logits.sum()
    expected_ids = [i for i in np.argsort(-expected).tolist() if expected[i] >= 0.2]
    assert output["top"] == "c"
    assert output["confidence"] == pytest.approx(expected[2], abs=1e-5)
    assert [p["class_id"] for p in output["predictions"]] == expected_ids
    assert [p["confidence"] for p in output["predictions"]] == pytest.approx(expected[expected_ids], abs=1e-5)


def answer_logits(image: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """What the test graph computes: channel means of the letterboxed RGB picture plus 0, 1, 2."""
    inside = 38 / 64  # 30 x 50 becomes 38 x 64
    means = image[0, 0, ::-1] / 255 * inside + (1 - inside) * 114 / 255
    return np.asarray(means + np.array([0, 1, 2]))


@pytest.mark.parametrize(("end", "expected"), [(None, "softmax"), ("Softmax", "none"), ("Sigmoid", "softmax")])
def test_activation_is_judged_at_load(models: Path, engine: Engine, end: str | None, expected: str) -> None:
    graphs.classifier(models / "x" / "weights.onnx", [-3, 1, 2], end=end)
    graphs.package(models / "x", task="classification", family="classification")
    model: Any = engine.get("x")
    assert model._activation == expected
    scores = engine.infer("x", [SQUARE])[0]
    assert isinstance(scores, Classification)
    assert float(scores.scores.sum()) == pytest.approx(1, abs=1e-5)


def test_manifest_decides_the_activation(models: Path, engine: Engine) -> None:
    graphs.package(models / "cls", task="classification", family="classification", activation="none")
    assert answer(engine, "cls")["confidence"] == pytest.approx(2, abs=1e-6)


def test_multi_label(models: Path, engine: Engine) -> None:
    graphs.classifier(models / "x" / "weights.onnx", [-2, 0.5, 3])
    graphs.package(models / "x", task="classification", family="classification", multi_label=True)
    output = answer(engine, "x", confidence=0.5)
    assert output["predicted_classes"] == ["c", "b"]
    assert output["predictions"]["a"] == {"confidence": pytest.approx(1 / (1 + np.exp(2)), abs=1e-6), "class_id": 0}


def test_activation_of_rows() -> None:
    assert activation_of(np.array([[0.2, 0.8], [1, 0]]), multi_label=False) == "none"
    assert activation_of(np.array([[0.2, 0.9]]), multi_label=False) == "softmax"
    assert activation_of(np.array([[0.2, 0.9]]), multi_label=True) == "none"
    assert activation_of(np.array([[-0.2, 0.9]]), multi_label=True) == "sigmoid"
