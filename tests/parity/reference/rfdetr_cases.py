"""RF-DETR: boxes and masks. The nets have fewer layers and queries than those released; the outputs are the same.

Of the backbone's twelve layers only those are kept whose features are read: the others take most of the time.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from rfdetr import RFDETRNano, RFDETRSegNano
from rfdetr.config import TrainConfig
from rfdetr.models.lwdetr import build_criterion_from_config

from tests.parity import golden, pictures
from tests.parity.drawing import LABELS
from tests.parity.reference import record, scenes
from tests.parity.reference.fit import cached, fit, total

SIZE = 160
STEPS = {"rfdetr": 600, "rfdetr-seg": 130}  # the segmenter has the detector's weights
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SMALL: dict[str, Any] = {
    "patch_size": 16,
    "num_windows": 2,
    "out_feature_indexes": [1, 2],
    "num_queries": 30,
    "num_select": 30,
    "dec_layers": 2,
    "group_detr": 3,
}
BATCH = 8
SETTINGS = [{"confidence": 0.5}, {"confidence": 0.15}]


def run(cache: Path, only: str) -> Iterator[str]:
    """Train what is not in the cache, export, record. Yields the names of the cases written."""
    for case in STEPS:
        if only in (case, "all"):
            torch.manual_seed(0)
            net = build(case)
            cached(net.model.model, cache / f"{case}.pt", partial(train, net, case, cache / "rfdetr.pt"))
            record_case(case, net, cache)
            yield case


def build(case: str) -> Any:
    """A small net of the package, without its released weights."""
    kind = RFDETRSegNano if case == "rfdetr-seg" else RFDETRNano
    net = kind(
        pretrain_weights=None,
        num_classes=len(LABELS),
        device="cpu",
        resolution=SIZE,
        positional_encoding_size=SIZE // SMALL["patch_size"],
        **SMALL,
    )
    shorten(net)
    return net


def shorten(net: Any) -> None:
    """Takes the layers off the backbone that nothing reads."""
    backbone = net.model.model.backbone[0].encoder.encoder.encoder
    backbone.layer = backbone.layer[: max(SMALL["out_feature_indexes"]) + 1]


def train(net: Any, case: str, detector: Path) -> None:
    """Train with the package's own losses; masks alone, on top of a trained detector."""
    if case == "rfdetr-seg":
        net.model.model.load_state_dict(torch.load(detector), strict=False)
    samples = scenes.pool(400, SIZE, stretch=True)
    stream = scenes.batches(samples, BATCH, seed=0)
    config = TrainConfig(dataset_dir=".", output_dir=".")
    criterion, _ = build_criterion_from_config(net.model_config, config)
    criterion.train()
    model = net.model.model

    def loss(step: int) -> torch.Tensor:
        del step
        batch = next(stream)
        truth = [targets(sample, masks=case == "rfdetr-seg") for sample in batch]
        images = (scenes.pixels(batch) - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
        losses = criterion(model(images, truth), truth)
        return total(losses[key] * weight for key, weight in criterion.weight_dict.items() if key in losses)

    if case == "rfdetr-seg":
        fit(model, STEPS[case], 2e-3, loss, model.segmentation_head)
    else:
        fit(model, STEPS[case], 4e-4, loss)


def targets(sample: scenes.Sample, *, masks: bool) -> dict[str, torch.Tensor]:
    """One picture's truth as the criterion wants it."""
    values = {
        "labels": torch.from_numpy(sample.labels),
        "boxes": scenes.centre_boxes([sample]).float(),
    }
    return {**values, "masks": torch.from_numpy(sample.masks).bool()} if masks else values


def manifest(task: str, size: int = SIZE) -> dict[str, Any]:
    """The fields of model.json."""
    return {
        "task": task,
        "labels": list(LABELS),
        "input": {
            "width": size,
            "height": size,
            "resize": "stretch",
            "precision": "float32",
            "channels": "rgb",
            "scale": 1 / 255,
            "mean": MEAN,
            "std": STD,
        },
    }


def record_case(case: str, net: Any, cache: Path) -> None:
    graph = record.Graph(export(case, net, cache))
    extra = {"response_mask_format": "rle"} if case == "rfdetr-seg" else {}
    settings = [{**setting, **extra} for setting in SETTINGS]
    reference = f"rfdetr {importlib.metadata.version('rfdetr')}: {type(net).__name__}.predict"
    task = "instance-segmentation" if case == "rfdetr-seg" else "object-detection"
    recorder = record.recorder(case, reference, graph, manifest(task), settings)
    for picture in pictures.NAMES:
        tensor, found = predict(net, picture, settings)
        recorder.add(picture, tensor, reduce(graph.run(tensor), settings), found)
    recorder.save()


def predict(net: Any, picture: str, settings: list[dict[str, Any]]) -> tuple[np.ndarray, list[golden.Arrays]]:
    """The reference's input tensor and answers. It ignores EXIF, so it gets the decoded picture."""
    image = np.ascontiguousarray(cv2.imread(record.path_of(picture))[..., ::-1])
    answers = []
    with watched(net) as seen:
        for setting in settings:
            found = net.predict(image, threshold=setting["confidence"])
            known = found.class_id < len(LABELS)  # the last logit is of no class
            values = {
                "boxes": found.xyxy[known].astype(np.float32),
                "scores": found.confidence[known].astype(np.float32),
                "classes": found.class_id[known].astype(np.int16),
            }
            if "response_mask_format" in setting:
                golden.put(values, "masks", golden.pack_masks(found.mask[known]))
            answers.append(values)
    return seen[0], answers


@contextmanager
def watched(net: Any) -> Iterator[list[np.ndarray]]:
    """Collects the tensors that a net is fed."""
    seen: list[np.ndarray] = []
    hook = net.model.model.register_forward_pre_hook(lambda _, inputs: seen.append(first(inputs)))
    yield seen
    hook.remove()


def first(inputs: tuple[Any, ...]) -> np.ndarray:
    """The picture's tensor of a call with a batch of one."""
    batch = getattr(inputs[0], "tensors", inputs[0])
    return batch[0].numpy().copy()


def reduce(outputs: list[np.ndarray], settings: list[dict[str, Any]]) -> list[golden.Arrays]:
    """Queries that may pass a threshold."""
    boxes, logits, *masks = outputs
    likely = 1 / (1 + np.exp(-logits.max(1))) >= record.faintest(settings)
    stored = [golden.cells(boxes, 1, likely, 0), golden.cells(logits, 1, likely, -20)]
    return stored + [golden.planes(plane, likely, -20) for plane in masks]


def export(case: str, net: Any, cache: Path) -> Path:
    """Export with the package's own exporter."""
    folder = cache / f"{case}-export"
    net.export(output_dir=str(folder), opset_version=17, verbose=False)
    (path,) = folder.glob("*.onnx")
    return path.rename(cache / f"{case}.onnx")
