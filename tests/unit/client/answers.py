"""What a real server answers, for the fake one."""

from __future__ import annotations

import base64
from typing import Any

BOX = {
    "x": 50.0,
    "y": 40.0,
    "width": 20.0,
    "height": 10.0,
    "confidence": 0.9,
    "class": "star",
    "class_id": 3,
    "detection_id": "d1",
}
PICTURE = b"\xff\xd8 annotated"
DETECTIONS = {"inference_id": "i", "time": 0.01, "image": {"width": 100, "height": 80}, "predictions": [BOX]}
ANNOTATED = {**DETECTIONS, "visualization": base64.b64encode(PICTURE).decode()}
CLASSES = {
    "inference_id": "i",
    "time": 0.01,
    "image": {"width": 100, "height": 80},
    "predictions": [{"class": "cat", "class_id": 1, "confidence": 0.8}],
    "top": "cat",
    "confidence": 0.8,
}
MULTI = {
    "image": {"width": 100, "height": 80},
    "predictions": {"wet": {"confidence": 0.2, "class_id": 0}, "red": {"confidence": 0.7, "class_id": 1}},
    "predicted_classes": ["red"],
}


def model(model_id: str, task: str, **more: Any) -> dict[str, Any]:
    return {"id": model_id, "task": task, "family": "f", "labels": ["a", "b"], "aliases": [], "newer": 1, **more}


MODELS = {
    "models": [
        model("shapes", "object-detection", aliases=["shapes-alias"], available_on=["cpu"]),
        model("pets", "classification"),
    ]
}
FLEET = {
    **MODELS,
    "workers": [
        {"id": "w1", "hardware": "cpu", "state": "ready", "rss_bytes": 5_000_000, "held": [{"id": "shapes"}], "x": 1}
    ],
    "queues": [{"hardware": "cpu", "lane": "live", "model": "shapes", "waiting": 3, "bytes": 10, "oldest_ms": 1500}],
}


def job(state: str, **more: Any) -> dict[str, Any]:
    return {
        "id": "j1",
        "state": state,
        "created": "2026-01-01T00:00:00.000+00:00",
        "started": None,
        "finished": None,
        "attempt": 1,
        "worker": None,
        "hardware": "any",
        "lane": "normal",
        "model": {"id": "shapes", "digest": None},
        "metadata": {},
        "timings": {},
        "batch": None,
        "outputs": [],
        "error": None,
        **more,
    }


OUTPUT = {"output": {"task": "object-detection", **DETECTIONS}}
BAD_IMAGE = {"code": "invalid_image", "message": "not an image", "retryable": False, "details": {}}
