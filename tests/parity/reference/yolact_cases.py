"""YOLACT, whose repository is on no package index: see ``clones.py``.

A ResNet of four narrow blocks and narrow heads stand for the released nets. The repository asks for a GPU and for
COCO's tools when it is imported; it gets neither, and needs neither. Its own detector, ``Detect`` with Fast NMS, and
its own ``postprocess`` answer; their boxes are taken before they are cut to whole pixels.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import torch

from tests.parity import golden, pictures
from tests.parity.drawing import LABELS
from tests.parity.reference import clones, record, scenes
from tests.parity.reference.fit import cached, fit, total

CASE = "yolact"
SIZE, STEPS, BATCH = 160, 350, 6
WIDTH = 64
MEAN, STD = (123.68, 116.78, 103.94), (58.40, 57.12, 57.38)  # RGB; data/config.py has them as BGR
SETTINGS = [
    {"confidence": 0.3, "iou_threshold": 0.5, "response_mask_format": "rle"},
    {"confidence": 0.15, "iou_threshold": 0.5, "response_mask_format": "rle"},
]


def run(cache: Path, only: str) -> Iterator[str]:
    """Train what is not in the cache, export, record. Yields the name of the case when it was written."""
    if only not in (CASE, "all") or clones.find(CASE) is None:
        return
    net = build()
    cached(net, cache / f"{CASE}.pt", partial(train, net))
    record_case(net, cache)
    yield CASE


def importable() -> None:
    """Lets the repository be imported without a GPU and pycocotools, which evaluation alone needs."""
    sys.modules["pycocotools"] = ModuleType("pycocotools")
    sys.modules["pycocotools"].mask = None  # type: ignore[attr-defined]
    torch.cuda.current_device = lambda: 0
    torch.cuda.device_count = lambda: 2  # more than one: it then leaves its modules unscripted
    torch.Tensor.cuda = lambda self: self  # type: ignore[assignment, method-assign]


def build() -> Any:
    """A small net of the repository."""
    importable()
    config = importlib.import_module("data.config")
    base = config.yolact_base_config
    layers = [(WIDTH, 3, {"padding": 1})]
    wide = importlib.import_module("backbone").ResNetBackbone

    class Narrow(wide):  # type: ignore[misc, valid-type]
        """A quarter of the channels."""

        def _make_layer(self, block: Any, planes: int, *options: Any, **named: Any) -> Any:
            return super()._make_layer(block, planes // 4, *options, **named)

    config.cfg.replace(
        base.copy(
            {
                "num_classes": 1 + len(LABELS),
                "max_size": SIZE,
                "mask_proto_debug": False,
                "backbone": config.resnet50_backbone.copy(
                    {
                        **{key: value for key, value in vars(base.backbone).items() if key not in ("args", "name")},
                        "type": Narrow,
                        "args": ([1, 1, 1, 1],),
                        "pred_scales": [[12], [24], [48], [88], [136]],
                    }
                ),
                "fpn": base.fpn.copy({"num_features": WIDTH}),
                "mask_proto_net": [*layers * 2, (None, -2, {}), *layers, (32, 1, {})],
                "extra_head_net": layers,
            }
        )
    )
    torch.manual_seed(0)
    net = importlib.import_module("yolact").Yolact()
    net.detect.use_fast_nms = True
    return net


def train(net: Any) -> None:
    config = importlib.import_module("data.config").cfg
    criterion = importlib.import_module("layers.modules").MultiBoxLoss(
        config.num_classes, config.positive_iou_threshold, config.negative_iou_threshold, config.ohem_negpos_ratio
    )
    stream = scenes.batches(scenes.pool(400, SIZE, stretch=True), BATCH, seed=0)
    mean, std = (torch.tensor(values).view(3, 1, 1) / 255 for values in (MEAN, STD))

    def loss(step: int) -> torch.Tensor:
        del step
        batch = next(stream)
        truth = [
            torch.from_numpy(np.concatenate([sample.boxes / SIZE, sample.labels[:, None]], 1).astype(np.float32))
            for sample in batch
        ]
        masks = [torch.from_numpy(sample.masks.astype(np.float32)) for sample in batch]
        found = net((scenes.pixels(batch) - mean) / std)
        return total(criterion(net, found, truth, masks, [0] * len(batch)).values())

    fit(net, STEPS, 1e-3, loss)


def record_case(net: Any, cache: Path) -> None:
    graph = record.Graph(export(net, cache))
    manifest = {
        "task": "instance-segmentation",
        "labels": list(LABELS),
        "input": {
            "width": SIZE,
            "height": SIZE,
            "resize": "stretch",
            "precision": "float32",
            "channels": "rgb",
            "scale": 1 / 255,
            "mean": [value / 255 for value in MEAN],
            "std": [value / 255 for value in STD],
        },
    }
    reference = "dbolya/yolact: FastBaseTransform, Yolact with Fast NMS, postprocess"
    recorder = record.recorder(CASE, reference, graph, manifest, SETTINGS)
    prepare = importlib.import_module("utils.augmentations").FastBaseTransform()
    for picture in pictures.NAMES:
        image = cv2.imread(record.path_of(picture))
        with torch.no_grad():
            batch = prepare(torch.from_numpy(image).float()[None])
            found = [answer(net, batch, image.shape, setting) for setting in SETTINGS]
        tensor = batch[0].numpy()
        weights = np.unique(np.concatenate([used for _, used in found]), axis=0)
        recorder.add(picture, tensor, reduce(graph.run(tensor), weights), [values for values, _ in found])
    recorder.save()


def answer(
    net: Any, batch: torch.Tensor, shape: tuple[int, ...], setting: dict[str, Any]
) -> tuple[golden.Arrays, np.ndarray]:
    """One picture's objects above a threshold, in source pixels, and their mask weights [n, 32]."""
    net.detect.nms_thresh = setting["iou_threshold"]
    found = net(batch)
    finish = importlib.import_module("layers.output_utils").postprocess
    classes, scores, _, masks = finish(found, shape[1], shape[0], score_threshold=setting["confidence"])
    if not len(scores):
        empty = np.zeros((0, 4), np.float32)
        values = {"boxes": empty, "scores": empty[:, 0], "classes": np.zeros(0, np.int16)}
        golden.put(values, "masks", golden.pack_masks(np.zeros((0, *shape[:2]), np.uint8)))
        return values, np.zeros((0, 32), np.float32)
    values = {
        "boxes": found[0]["detection"]["box"].numpy(),  # in source pixels by now, and not yet whole ones
        "scores": scores.numpy(),
        "classes": classes.numpy().astype(np.int16),
    }
    golden.put(values, "masks", golden.pack_masks(masks.numpy().astype(np.uint8)))
    return values, found[0]["detection"]["mask"].numpy()


def reduce(outputs: list[np.ndarray], used: np.ndarray) -> list[golden.Arrays]:
    """Priors that may pass a threshold, and the prototypes as far as their masks see them."""
    loc, classes, weights, priors, prototypes = outputs
    likely = classes[:, 1:].max(1) >= record.faintest(SETTINGS)
    return [
        golden.cells(loc, 1, likely, 0),
        golden.cells(classes, 1, likely, 0),
        golden.cells(weights, 1, likely, 0),
        golden.dense(priors),  # the same for all pictures
        golden.span(prototypes, used, channels_last=True),
    ]


def export(net: Any, cache: Path) -> Path:
    """The net up to where its detector begins, for a batch of any size."""
    path = cache / f"{CASE}.onnx"
    names = ["loc", "conf", "mask", "priors", "proto"]
    detect, net.detect = net.detect, lambda found, _: tuple(found[name] for name in names)
    axes = {name: {0: "batch"} for name in ("images", "loc", "conf", "mask", "proto")}
    torch.onnx.export(
        net,
        (torch.zeros(1, 3, SIZE, SIZE),),
        str(path),
        opset_version=17,
        input_names=["images"],
        output_names=names,
        dynamic_axes=axes,
        dynamo=False,
    )
    net.detect = detect
    return path
