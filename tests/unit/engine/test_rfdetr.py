"""What is special about RF-DETR: pairs of query and class, the background, scores that the points lower."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shared.errors import ModelLoadFailed
from tests.unit.engine import examples, graphs
from worker_service.engine.engine import Engine
from worker_service.engine.families.rfdetr_pose import fused_scores
from worker_service.engine.inspect import inspect
from worker_service.settings import EngineSettings

SQUARE = np.zeros((64, 64, 3), np.uint8)


def infer(folder: Path, **params: Any) -> list[dict[str, Any]]:
    engine = Engine(EngineSettings(model_dirs=(folder,), intra_op_threads=1))
    return engine.infer("m", [SQUARE], params)[0].to_dict()["predictions"]


def test_one_query_may_answer_two_classes(tmp_path: Path) -> None:
    outputs = examples.queries()
    outputs["labels"][4, 1] = examples.logit(0.7)
    graphs.answers(tmp_path / "m" / "weights.onnx", outputs)
    graphs.package(tmp_path / "m", task="object-detection", family="rfdetr", input=examples.STRETCH)
    predictions = infer(tmp_path)
    assert [p["class"] for p in predictions] == ["a", "b", "b"]
    assert predictions[0]["x"] == predictions[2]["x"]


@pytest.mark.parametrize(("labels", "expected"), [(3, ["a", "b"]), (4, ["d", "a", "b"])])
def test_the_last_slot_is_background_unless_it_has_a_label(tmp_path: Path, labels: int, expected: list[str]) -> None:
    names = list("abcd")[:labels]
    examples.model(tmp_path / "m", "rfdetr", "object-detection", labels=names)
    assert [p["class"] for p in infer(tmp_path)] == expected


def test_labels_must_fit_the_slots(tmp_path: Path) -> None:
    examples.model(tmp_path / "m", "rfdetr", "object-detection", labels=["a", "b"])
    with pytest.raises(ModelLoadFailed, match=r"'labels' in model\.json must name 3, or 4"):
        infer(tmp_path)


def test_inspect_knows_the_preprocessing(tmp_path: Path) -> None:
    spec = inspect(examples.graph(tmp_path / "w.onnx", "rfdetr")).manifest.input
    assert (spec.resize, spec.precision, spec.mean) == ("stretch", "float32", (0.485, 0.456, 0.406))


def naive_fused(score: float, points: Any) -> float:
    """One object, in float64 and without logarithms: trace of L^-T L^-1, weighted by the chance of being found."""
    total = weights = 0.0
    for point in points.astype(float):
        root = np.array([[np.exp(point[4]), 0], [point[5], np.exp(point[6])]])
        inverse = np.linalg.inv(root @ root.T)
        weight = 1 / (1 + np.exp(-point[2]))
        total += weight * np.trace(inverse)
        weights += weight
    fused = score * (total / weights) ** -0.2
    return fused / (1 + fused)


def test_exact_points_raise_the_score_and_vague_ones_lower_it() -> None:
    random = np.random.default_rng(0)
    points = random.normal(size=(20, 5, 8)).astype(np.float32)
    scores = random.uniform(0.01, 1, 20).astype(np.float32)
    expected = [naive_fused(float(s), p) for s, p in zip(scores, points, strict=True)]
    np.testing.assert_allclose(fused_scores(scores, points), expected, rtol=1e-4)
    sharp, vague = points.copy(), points.copy()
    sharp[..., [4, 6]] += 3
    vague[..., [4, 6]] -= 3
    assert (fused_scores(scores, sharp) > fused_scores(scores, vague)).all()


def test_scores_stay_below_one() -> None:
    points = np.zeros((1, 3, 8), np.float32)
    points[..., [4, 6]] = 300
    assert 0.99 < fused_scores(np.array([1], np.float32), points)[0] < 1


def test_pose_scores_are_compared_after_they_are_lowered(tmp_path: Path) -> None:
    outputs = {**examples.rfdetr_pose().outputs}
    points = np.concatenate([outputs["keypoints"], np.zeros((6, 6, 5), np.float32)], axis=2)
    graphs.answers(tmp_path / "m" / "weights.onnx", {**outputs, "keypoints": points})
    fields = {"input": examples.STRETCH, "keypoints": examples.POINTS}
    graphs.package(tmp_path / "m", task="keypoint-detection", family="rfdetr-pose", **fields)
    own = (points[4, :2], points[2, 2:4])
    expected = [naive_fused(float(score), each) for score, each in zip(examples.SCORES, own, strict=True)]
    assert [p["confidence"] for p in infer(tmp_path, confidence=0.1)] == pytest.approx(expected, rel=1e-4)
    assert infer(tmp_path, confidence=0.5) == []


def test_a_class_beyond_the_last_block_has_no_points(tmp_path: Path) -> None:
    outputs = examples.rfdetr_pose().outputs
    graphs.answers(tmp_path / "m" / "weights.onnx", {**outputs, "keypoints": outputs["keypoints"][:, :2]})
    fields = {"input": examples.STRETCH, "keypoints": examples.POINTS}
    graphs.package(tmp_path / "m", task="keypoint-detection", family="rfdetr-pose", **fields)
    first, second = infer(tmp_path)
    assert [p["class"] for p in first["keypoints"]] == ["head", "tail"]
    assert second["keypoints"] == []
