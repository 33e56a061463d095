"""The demo models keep what their manifests promise on held-out pictures; the test has its own post-processing."""

import hashlib
import json

import numpy as np
import pytest

from bench.accuracy import MODELS, average_precision, classifier_accuracy, detections, detector_average, match
from models.training.samples import HELD_OUT, TRAIN, classifier_picture, detector_scene
from models.training.shapes import LABELS

PICTURES = 100


def test_detector_finds_held_out_shapes() -> None:
    average = detector_average(PICTURES)
    assert average.mean >= 0.9, average


def test_classifier_names_held_out_shapes() -> None:
    assert classifier_accuracy(3 * PICTURES) >= 0.97


@pytest.mark.parametrize("model", ["shapes-detector", "shapes-classifier"])
def test_manifest_matches_weights(model: str) -> None:
    manifest = json.loads((MODELS / model / "model.json").read_text())
    weights = (MODELS / model / "weights.onnx").read_bytes()
    assert manifest["files"] == {"weights.onnx": hashlib.sha256(weights).hexdigest()}
    assert tuple(manifest["labels"]) == LABELS
    assert manifest["id"] == model
    assert len(weights) < 4_000_000


def test_manifest_figures_meet_the_aim() -> None:
    detector = json.loads((MODELS / "shapes-detector" / "model.json").read_text())
    classifier = json.loads((MODELS / "shapes-classifier" / "model.json").read_text())
    assert detector["metrics"]["map50"] >= 0.9
    assert classifier["metrics"]["accuracy"] >= 0.97


def test_pictures_repeat_and_splits_differ() -> None:
    again, other = detector_scene(HELD_OUT, 3), detector_scene(TRAIN, 3)
    assert np.array_equal(detector_scene(HELD_OUT, 3).image, again.image)
    assert not np.array_equal(again.image, other.image)
    assert np.array_equal(classifier_picture(HELD_OUT, 5)[0], classifier_picture(HELD_OUT, 5)[0])


def test_boxes_lie_on_the_picture() -> None:
    for index in range(20):
        scene = detector_scene(HELD_OUT, index)
        height, width = scene.image.shape[:2]
        assert np.all(scene.boxes >= 0)
        assert np.all(scene.boxes[:, 2:] <= (width, height))
        assert np.all(scene.boxes[:, 2:] - scene.boxes[:, :2] > 4)


def test_average_precision_of_a_known_ranking() -> None:
    """Right, wrong, right over two truths: recall 0.5 at precision 1, then 1.0 at 2/3."""
    boxes = np.array([[0, 0, 10, 10], [20, 20, 30, 30]], np.float32)
    far = np.array([50, 50, 60, 60])
    found = match([(boxes[0], 0, 0.9), (far, 0, 0.8), (boxes[1], 0, 0.7)], boxes, np.zeros(2, int))
    assert [f.right for f in found] == [True, False, True]
    assert average_precision(found, 2) == pytest.approx(0.5 + 0.5 * 2 / 3)


def test_a_true_box_counts_once() -> None:
    box = np.array([[0, 0, 10, 10]], np.float32)
    found = match([(box[0], 0, 0.9), (box[0], 0, 0.8)], box, np.zeros(1, int))
    assert [f.right for f in found] == [True, False]


def test_suppression_keeps_the_surer_box_of_one_label() -> None:
    output = np.zeros((6, 3), np.float32)
    output[:4] = np.array([[10, 10, 8, 8], [10, 11, 8, 8], [40, 40, 8, 8]]).T
    output[4] = 0.6, 0.9, 0.5
    assert [round(score, 1) for _, _, score in detections(output)] == [0.9, 0.5]
