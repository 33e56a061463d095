"""RF-DETR with keypoints, of each class as many, with heads that are made and not trained: see ``spread.py``.

A step of the package's own training takes two to five seconds of processor time here, whatever the net's size.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from rfdetr import RFDETRKeypointPreview

from tests.parity import golden, pictures
from tests.parity.drawing import KEYPOINTS, LABELS
from tests.parity.reference import record, rfdetr_cases
from tests.parity.reference.fit import cached
from tests.parity.reference.spread import spread

CASE = "rfdetr-pose"
SIZE = rfdetr_cases.SIZE
SMALL = {**rfdetr_cases.SMALL, "num_queries": 12, "num_select": 12, "group_detr": 2}
SETTINGS = [{"confidence": 0.5}, {"confidence": 0.2}]


def run(cache: Path, only: str) -> Iterator[str]:
    """Make what is not in the cache, export, record. Yields the name of the case when it was written."""
    if only not in (CASE, "all"):
        return
    torch.manual_seed(0)
    net = RFDETRKeypointPreview(
        pretrain_weights=None,
        num_classes=len(LABELS),
        num_keypoints_per_class=[KEYPOINTS] * len(LABELS),
        device="cpu",
        resolution=SIZE,
        positional_encoding_size=SIZE // SMALL["patch_size"],
        **SMALL,
    )
    rfdetr_cases.shorten(net)
    cached(net.model.model, cache / f"{CASE}.pt", partial(spread, net, SIZE))
    record_case(net, cache)
    yield CASE


def record_case(net: Any, cache: Path) -> None:
    graph = record.Graph(rfdetr_cases.export(CASE, net, cache))
    manifest = {
        **rfdetr_cases.manifest("keypoint-detection", SIZE),
        "keypoints": [f"point_{i}" for i in range(KEYPOINTS)],
    }
    reference = f"rfdetr {importlib.metadata.version('rfdetr')}: RFDETRKeypointPreview.predict"
    recorder = record.recorder(CASE, reference, graph, manifest, SETTINGS)
    for picture in pictures.NAMES:
        image = np.ascontiguousarray(cv2.imread(record.path_of(picture))[..., ::-1])
        with rfdetr_cases.watched(net) as seen:
            found = [answer(net.predict(image, threshold=setting["confidence"]), image) for setting in SETTINGS]
        recorder.add(picture, seen[0], reduce(graph.run(seen[0])), found)
    recorder.save()


def answer(found: Any, image: np.ndarray) -> golden.Arrays:
    """A result as arrays, in source pixels; it leaves points beyond the picture, which here are moved to its edge."""
    places = np.clip(found.xy, 0, np.array([image.shape[1], image.shape[0]], np.float32))
    points = np.concatenate([places, found.keypoint_confidence[..., None]], 2).astype(np.float32)
    values = {
        "boxes": np.asarray(found.data["xyxy"], np.float32).reshape(-1, 4),
        "scores": np.asarray(found.detection_confidence, np.float32).reshape(-1),
        "classes": np.asarray(found.class_id, np.int16).reshape(-1),
    }
    return {**values, "keypoints": points.reshape(-1, KEYPOINTS, 3)}


def reduce(outputs: list[np.ndarray]) -> list[golden.Arrays]:
    """Queries that may pass a threshold. Exact points raise a score above its logit's: all but the faintest stay."""
    boxes, logits, points = outputs
    likely = 1 / (1 + np.exp(-logits.max(1))) >= 0.02
    stored = [golden.cells(boxes, 1, likely, 0), golden.cells(logits, 1, likely, -20)]
    rows = points.reshape(len(points), -1)
    return [*stored, {**golden.cells(rows, 1, likely, 0), "inner": np.array(points.shape, np.int32)}]
