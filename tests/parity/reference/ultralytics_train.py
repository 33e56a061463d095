"""Brief training of Ultralytics nets, half as wide as their smallest, with their own losses."""

from types import SimpleNamespace
from typing import Any

import torch
from ultralytics import YOLO
from ultralytics.cfg import get_cfg
from ultralytics.nn.tasks import yaml_model_load

from tests.parity.drawing import KEYPOINTS, LABELS
from tests.parity.reference import scenes
from tests.parity.reference.fit import fit

SIZE = 160
BATCH = 12
EPOCHS = 10  # as far as schedules of the losses go
WIDTH = 0.125  # of the full net's channels; the smallest released nets have 0.25


def build(config: str) -> YOLO:
    """A net from one of Ultralytics' yaml files with three classes, narrowed where it has a scale ``n``."""
    layout: dict[str, Any] = yaml_model_load(config)
    layout["nc"] = len(LABELS)
    scales = layout.get("scales")
    if scales:
        depth, _, top = scales["n"]
        narrow = 0.25 if "12" in config else WIDTH  # v12's attention needs multiples of 32 channels
        layout["scales"] = {"n": [depth, narrow, top]}
        layout["scale"] = "n"
    if "kpt_shape" in layout:
        layout["kpt_shape"] = [KEYPOINTS, 3]
        layout.pop("flip_idx", None)
        layout.pop("kpt_names", None)
    net = YOLO(config, verbose=False)
    net.model = type(net.model)(layout, ch=3, verbose=False)
    net.model.names = dict(enumerate(LABELS))
    net.model.task = net.task
    net.model.args = {"imgsz": SIZE, "task": net.task, "data": None, "single_cls": False}
    return net


def truth(batch: list[scenes.Sample], task: str) -> dict[str, torch.Tensor]:
    """A batch as the losses want it."""
    values = {
        "img": scenes.pixels(batch),
        "cls": scenes.class_ids(batch),
        "bboxes": scenes.centre_boxes(batch),
        "batch_idx": scenes.owners(batch),
    }
    if task == "segment":
        values["masks"] = scenes.numbered_masks(batch, SIZE // 4)
        values["sem_masks"] = semantic(values)
    if task == "pose":
        values["keypoints"] = scenes.keypoints(batch)
    return values


def semantic(values: dict[str, torch.Tensor]) -> torch.Tensor:
    """[B, h, w] class per pixel, where there is an object; v26 learns from it on the side."""
    result = torch.zeros_like(values["masks"])
    for picture in range(len(result)):
        classes = values["cls"][values["batch_idx"] == picture, 0]
        for number, label in enumerate(classes, start=1):
            result[picture][values["masks"][picture] == number] = label
    return result.long()


def train(net: YOLO, samples: list[scenes.Sample], steps: int, seed: int) -> None:
    """Train with the net's own losses."""
    model, kept = net.model, net.model.args
    model.args = SimpleNamespace(**{**vars(get_cfg()), "epochs": EPOCHS, "overlap_mask": True})
    model.criterion = criterion = model.init_criterion()
    stream = scenes.batches(samples, BATCH, seed)

    def loss(step: int) -> torch.Tensor:
        if hasattr(criterion, "update") and step % (steps // EPOCHS) == 0:
            criterion.update()  # moves weight from the one-to-many head to the one-to-one head
        return model.loss(truth(next(stream), net.task))[0].sum()

    fit(model, steps, 4e-3, loss)
    model.args, model.criterion = kept, None
