"""RF-DETR with keypoints, of each class as many; a net of the package that is smaller still than in rfdetr_cases.py."""

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
from tests.parity.reference import record, rfdetr_cases, scenes
from tests.parity.reference.fit import cached

CASE = "rfdetr-pose"
SIZE, SPREAD = 96, 2.5
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
    cached(net.model.model, cache / f"{CASE}.pt", partial(spread, net))
    record_case(net, cache)
    yield CASE


@torch.no_grad()
def spread(net: Any) -> None:
    """Scales the class scores of untrained weights so that a few queries of a picture are sure and most are not.

    Training it as the detector is trained takes more than an hour: where points lie and how sure they are is arbitrary
    here, but which boxes are answered, and with which points, is as well determined as after training.
    """
    model = net.model.model
    samples = scenes.pool(24, SIZE, stretch=True)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (rfdetr_cases.MEAN, rfdetr_cases.STD))
    model.eval()
    logits = model((scenes.pixels(samples) - mean) / std)["pred_logits"].flatten(0, 1)
    head = model.class_embed
    gain = SPREAD / logits.std(0).mean()
    head.weight.mul_(gain)
    head.bias.sub_(head.bias + gain * (logits - head.bias).quantile(0.7, dim=0))
    head.bias[len(LABELS) :] = -20  # the last slot is of no class
    model.requires_grad_(False)


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
            found = [answer(net.predict(image, threshold=setting["confidence"])) for setting in SETTINGS]
        recorder.add(picture, seen[0], reduce(graph.run(seen[0])), found)
    recorder.save()


def answer(found: Any) -> golden.Arrays:
    """A result as arrays, in source pixels."""
    points = np.concatenate([found.xy, found.keypoint_confidence[..., None]], 2).astype(np.float32)
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
