"""Accuracy of the demo models, with pre- and post-processing of its own: the engine's errors cannot hide here."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

from models.training.samples import (
    CLASSIFIER_SIZE,
    DETECTOR_SIZE,
    HELD_OUT,
    blob,
    classifier_picture,
    detector_scene,
    letterbox,
)
from models.training.shapes import LABELS

MODELS = Path(__file__).parents[1] / "models"
BATCH = 20


@dataclass
class Average:
    """Average precision at IoU 0.5: per label and their mean."""

    labels: dict[str, float]
    mean: float


@dataclass
class Found:
    """One detection: which picture, which label, how sure, and whether it met a true box that none before it met."""

    label: int
    score: float
    right: bool


def session(model: str) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    path = MODELS / model / "weights.onnx"
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def overlaps(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """IoU of a box [4] with others [N,4], corners."""
    near, far = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    shared = np.prod(np.clip(far - near, 0, None), axis=1)
    return shared / (np.prod(box[2:] - box[:2]) + np.prod(others[:, 2:] - others[:, :2], axis=1) - shared)


def detections(output: np.ndarray, least: float = 0.01, iou: float = 0.6) -> list[tuple[np.ndarray, int, float]]:
    """Greedy suppression within each label on one picture's output [4+classes,N]: (corners, label, score)."""
    centres, sizes, scores = output[:2].T, output[2:4].T, output[4:].T
    corners = np.concatenate([centres - sizes / 2, centres + sizes / 2], axis=1)
    kept: list[tuple[np.ndarray, int, float]] = []
    for label in range(scores.shape[1]):
        order = np.argsort(-scores[:, label])
        order = order[scores[order, label] >= least]
        while len(order):
            first, rest = order[0], order[1:]
            kept.append((corners[first], label, float(scores[first, label])))
            order = rest[overlaps(corners[first], corners[rest]) <= iou]
    return sorted(kept, key=lambda detection: -detection[2])


def match(kept: list[tuple[np.ndarray, int, float]], boxes: np.ndarray, labels: np.ndarray) -> list[Found]:
    """Mark each detection right or wrong; each true box counts once."""
    free = np.ones(len(boxes), bool)
    found = []
    for corners, label, score in kept:
        candidates = np.flatnonzero(free & (labels == label))
        met = overlaps(corners, boxes[candidates]) if len(candidates) else np.zeros(0)
        right = bool(len(met)) and float(met.max()) >= 0.5
        if right:
            free[candidates[met.argmax()]] = False
        found.append(Found(label, score, right))
    return found


def average_precision(found: list[Found], truths: int) -> float:
    """Area under the precision-recall curve with precision made non-increasing (every point, as in VOC 2010)."""
    hits = np.array([f.right for f in sorted(found, key=lambda f: -f.score)], float)
    if not len(hits):
        return 0.0
    recall = hits.cumsum() / truths
    precision = hits.cumsum() / np.arange(1, len(hits) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def detector_average(pictures: int, model: str = "shapes-detector") -> Average:
    """mAP50 on the first `pictures` held-out scenes, boxes compared in source pixels."""
    network = session(model)
    found: list[Found] = []
    truths = np.zeros(len(LABELS), int)
    for start in range(0, pictures, BATCH):
        scenes = [detector_scene(HELD_OUT, i) for i in range(start, min(start + BATCH, pictures))]
        boxed = [letterbox(scene.image, DETECTOR_SIZE) for scene in scenes]
        outputs = network.run(None, {"images": blob(np.stack([image for image, _, _ in boxed]))})[0]
        for scene, (_, scale, (left, top)), output in zip(scenes, boxed, outputs, strict=True):
            offset = np.array([left, top, left, top])
            kept = [((corners - offset) / scale, label, score) for corners, label, score in detections(output)]
            found += match(kept, scene.boxes, scene.labels)
            truths += np.bincount(scene.labels, minlength=len(LABELS))
    each = {
        name: average_precision([f for f in found if f.label == label], int(truths[label]))
        for label, name in enumerate(LABELS)
    }
    return Average(each, float(np.mean(list(each.values()))))


def classifier_accuracy(pictures: int, model: str = "shapes-classifier") -> float:
    """Share of the first `pictures` held-out close-ups whose most likely label is right."""
    network = session(model)
    right = 0
    for start in range(0, pictures, BATCH):
        drawn = [classifier_picture(HELD_OUT, i) for i in range(start, min(start + BATCH, pictures))]
        side = (CLASSIFIER_SIZE, CLASSIFIER_SIZE)
        images = np.stack([cv2.resize(image, side, interpolation=cv2.INTER_LINEAR) for image, _ in drawn])
        guessed = network.run(None, {"images": blob(images)})[0].argmax(axis=1)
        right += int(np.sum(guessed == [label for _, label in drawn]))
    return right / pictures
