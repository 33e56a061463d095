"""The example pictures, what was drawn on them, and the ways to send them."""

from __future__ import annotations

import base64
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import requests

from models.training import shapes
from models.training.pictures import CLOSEUPS, SCENES
from models.training.scenes import closeup, scene

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "images"
DETECTOR, CLASSIFIER = "shapes-detector", "shapes-classifier"
DETECT, CLASSIFY = "/infer/object_detection", "/infer/classification"

Truth = list[tuple[str, npt.NDArray[Any]]]
"""Label and box (x1, y1, x2, y2 in pixels) of each shape."""


def data(name: str) -> bytes:
    return (FOLDER / name).read_bytes()


def reference(image: bytes) -> dict[str, str]:
    """An image as JSON requests hold it."""
    return {"type": "base64", "value": base64.b64encode(image).decode()}


def post(base_url: str, path: str, model: str, image: Any, **fields: Any) -> requests.Response:
    """A typed request with one image or a list of them."""
    shown = [reference(one) for one in image] if isinstance(image, list) else reference(image)
    return requests.post(f"{base_url}{path}", json={"model_id": model, "image": shown, **fields}, timeout=30)


@lru_cache
def drawn(name: str) -> Truth:
    """What was drawn on a scene, from the seed that it was drawn with."""
    (numbers,) = [row[1:] for row in SCENES if row[0] == name]
    width, height, count, seed = numbers
    made = scene(np.random.default_rng([2, seed]), width, height, count, strength=0.25)
    return [(shapes.LABELS[label], box) for label, box in zip(made.labels, made.boxes, strict=True)]


def shown(name: str) -> str:
    """The one shape of a close-up."""
    (numbers,) = [row[1:] for row in CLOSEUPS if row[0] == name]
    side, seed = numbers
    return str(shapes.LABELS[closeup(np.random.default_rng([3, seed]), side, strength=0.25)[1]])


def found(truth: Truth, predictions: list[dict[str, Any]]) -> int:
    """How many of the drawn shapes have a prediction of their label that overlaps by half (IoU)."""
    return sum(
        any(answer["class"] == label and _iou(box, corners(answer)) > 0.5 for answer in predictions)
        for label, box in truth
    )


def corners(answer: dict[str, Any]) -> npt.NDArray[Any]:
    """A prediction's centre form as x1, y1, x2, y2."""
    x, y, width, height = (float(answer[name]) for name in ("x", "y", "width", "height"))
    return np.array([x - width / 2, y - height / 2, x + width / 2, y + height / 2])


def _iou(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> float:
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
    common = float(np.prod(np.clip(high - low, 0, None)))
    areas = sum(float(np.prod(box[2:] - box[:2])) for box in (one, other))
    return common / (areas - common)
