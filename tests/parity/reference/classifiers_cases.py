"""Classifiers of torchvision, timm, Hugging Face and Ultralytics, each behind its own preprocessing.

The nets see 64 pixels; the processors are set to that, with the resize-to-crop ratios that they are released with.
"""

from __future__ import annotations

import importlib.metadata
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import timm
import torch
from PIL import Image
from torchvision.models import resnet18
from torchvision.transforms._presets import ImageClassification
from transformers import ResNetConfig, ResNetForImageClassification, ViTConfig, ViTForImageClassification
from transformers.models.convnext.image_processing_pil_convnext import ConvNextImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil
from ultralytics import YOLO
from ultralytics.data.augment import classify_transforms

from tests.parity import pictures
from tests.parity.drawing import LABELS, closeup
from tests.parity.reference import record, scenes
from tests.parity.reference.fit import cached, fit

SIZE = 64
IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
HALF = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}
BATCH = 16
ANY = [{"confidence": 0.0}]


@dataclass
class Net:
    """A classifier.

    Attributes:
        build: makes the net.
        prepare: RGB picture to the tensor [3, S, S].
        input: the manifest's ``input`` but for width, height, channels and scale.
        reference: what answered.
        steps: of training.
        multi_label: whether labels are independent.
        softmax: whether the net answers logits; Ultralytics' nets answer probabilities.
    """

    build: Callable[[], torch.nn.Module]
    prepare: Callable[[Image.Image], torch.Tensor]
    input: dict[str, Any]
    reference: str
    steps: int = 90
    multi_label: bool = False
    activation: str = "softmax"
    metadata: dict[str, str] = field(default_factory=dict)


class Logits(torch.nn.Module):
    """Hugging Face's nets answer objects; this answers the logits."""

    def __init__(self, net: torch.nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """Logits [B, classes]."""
        return self.net(pixel_values=pixel_values).logits


def hugging_face(processor: Any) -> Callable[[Image.Image], torch.Tensor]:
    """A processor as a function of one picture."""
    return lambda picture: torch.from_numpy(np.asarray(processor(picture, return_tensors="np")["pixel_values"][0]))


def timm_net(name: str, *, multi_label: bool = False) -> Net:
    """A net of timm with the transform that its configuration asks for."""
    fraction = 0.95
    transform = timm.data.create_transform(
        (3, SIZE, SIZE), interpolation="bicubic", crop_pct=fraction, is_training=False, **IMAGENET
    )
    return Net(
        partial(timm.create_model, name, num_classes=len(LABELS)),
        transform,
        {"resize": "center-crop", "interpolation": "antialias-cubic", "crop_fraction": fraction, **IMAGENET},
        f"timm {timm.__version__}: {name}, create_transform",
        multi_label=multi_label,
        activation="sigmoid" if multi_label else "softmax",
        steps=160 if multi_label else 90,
    )


def hf_resnet() -> torch.nn.Module:
    config = ResNetConfig(
        embedding_size=32, hidden_sizes=[32, 64, 96, 128], depths=[3, 4, 6, 3], num_labels=len(LABELS)
    )
    return Logits(ResNetForImageClassification(config))


def hf_vit() -> torch.nn.Module:
    config = ViTConfig(
        hidden_size=64,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=128,
        image_size=SIZE,
        patch_size=8,
        num_labels=len(LABELS),
        attn_implementation="eager",
    )
    return Logits(ViTForImageClassification(config))


def ultralytics_net(config: str) -> torch.nn.Module:
    net = YOLO(config)
    layout = dict(net.model.yaml, nc=len(LABELS), scales={"n": [0.33, 0.125, 1024]}, scale="n")
    return type(net.model)(layout, ch=3, verbose=False)


def nets() -> dict[str, Net]:
    """All nets by case name."""
    transformers = importlib.metadata.version("transformers")
    torchvision = importlib.metadata.version("torchvision")
    ultralytics = importlib.metadata.version("ultralytics")
    edge = math.floor(SIZE / 0.875)
    yolo = {
        "prepare": classify_transforms(SIZE),
        "input": {"resize": "center-crop", "interpolation": "antialias-linear"},
        "activation": "none",
        "metadata": {"task": "classify", "names": str(dict(enumerate(LABELS)))},
    }
    return {
        "classify-torchvision-resnet18": Net(
            partial(resnet18, num_classes=len(LABELS)),
            ImageClassification(crop_size=SIZE, resize_size=edge),
            {"resize": "center-crop", "interpolation": "antialias-linear", "crop_fraction": SIZE / edge, **IMAGENET},
            f"torchvision {torchvision}: resnet18, ImageClassification",
        ),
        "classify-timm-resnet34": timm_net("resnet34"),
        "classify-timm-multi-label": timm_net("resnet18", multi_label=True),
        "classify-hf-resnet50": Net(
            hf_resnet,
            hugging_face(
                ConvNextImageProcessorPil(
                    size={"shortest_edge": SIZE},
                    crop_pct=0.875,
                    image_mean=IMAGENET["mean"],
                    image_std=IMAGENET["std"],
                )
            ),
            {
                "resize": "center-crop",
                "interpolation": "antialias-cubic",
                "crop_fraction": SIZE / edge,
                "crop_offset": "floor",
                **IMAGENET,
            },
            f"transformers {transformers}: ResNetForImageClassification, ConvNextImageProcessorPil",
        ),
        "classify-hf-vit": Net(
            hf_vit,
            hugging_face(ViTImageProcessorPil(size={"height": SIZE, "width": SIZE})),
            {"resize": "stretch", "interpolation": "antialias-linear", **HALF},
            f"transformers {transformers}: ViTForImageClassification, ViTImageProcessorPil",
            steps=240,
        ),
        "yolov8-cls": Net(
            partial(ultralytics_net, "yolov8n-cls.yaml"),
            reference=f"ultralytics {ultralytics}: yolov8n-cls, classify_transforms",
            **yolo,
        ),
        "yolo11-cls": Net(
            partial(ultralytics_net, "yolo11n-cls.yaml"),
            reference=f"ultralytics {ultralytics}: yolo11n-cls, classify_transforms",
            **yolo,
        ),
    }


def run(cache: Path, only: str) -> Iterator[str]:
    """Train what is not in the cache, export, record. Yields the names of the cases written."""
    for case, net in nets().items():
        if only in (case, "all"):
            torch.manual_seed(0)
            model = net.build()
            cached(model, cache / f"{case}.pt", partial(train, model, net))
            record_case(case, net, model, cache)
            yield case


def train(model: torch.nn.Module, net: Net) -> None:
    """Cross-entropy on close-ups; for several labels at once, on scenes and which shapes they have."""
    images, truth = scene_labels() if net.multi_label else closeups()
    mean, std = (
        torch.tensor(net.input.get(key, (value,) * 3)).view(3, 1, 1) for key, value in (("mean", 0), ("std", 1))
    )
    rng = np.random.default_rng(0)
    criterion = torch.nn.BCEWithLogitsLoss() if net.multi_label else torch.nn.CrossEntropyLoss()

    def loss(step: int) -> torch.Tensor:
        del step
        chosen = rng.integers(0, len(images), BATCH)
        output = model((images[chosen] - mean) / std)
        return criterion(output, truth[chosen])

    fit(model, net.steps, 1.5e-3, loss)


def closeups() -> tuple[torch.Tensor, torch.Tensor]:
    """RGB [n, 3, S, S] in 0..1, a fifth of them grey, and labels [n]."""
    images, labels = [], []
    for index in range(600):
        image, label = closeup(np.random.default_rng([5, index]), SIZE)
        if index % 5 == 0:
            image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        images.append(image[..., ::-1].transpose(2, 0, 1))
        labels.append(label)
    return torch.from_numpy(np.stack(images).astype(np.float32) / 255), torch.tensor(labels)


def scene_labels() -> tuple[torch.Tensor, torch.Tensor]:
    """RGB [n, 3, S, S] in 0..1 and which labels are there [n, classes]."""
    samples = scenes.pool(500, SIZE)
    truth = torch.zeros(len(samples), len(LABELS))
    for row, sample in zip(truth, samples, strict=True):
        row[torch.from_numpy(sample.labels)] = 1
    return scenes.pixels(samples), truth


def manifest(net: Net) -> dict[str, Any]:
    """The fields of model.json."""
    return {
        "task": "classification",
        "labels": list(LABELS),
        "multi_label": net.multi_label,
        "activation": net.activation,
        "input": {"width": SIZE, "height": SIZE, "channels": "rgb", "scale": 1 / 255, **net.input},
    }


def read(picture: str) -> Image.Image:
    """A picture in RGB, turned as its EXIF says."""
    return Image.fromarray(cv2.cvtColor(cv2.imread(record.path_of(picture)), cv2.COLOR_BGR2RGB))


def record_case(case: str, net: Net, model: torch.nn.Module, cache: Path) -> None:
    graph = record.Graph(export(case, net, model, cache))
    recorder = record.recorder(case, net.reference, graph, manifest(net), ANY)
    recorder.case.metadata |= net.metadata
    for picture in pictures.NAMES:
        tensor = net.prepare(read(picture)).float()
        with torch.no_grad():
            output = model(tensor[None])
        scores = probabilities(net, output)
        recorder.add(picture, tensor.numpy(), [{"dense": graph.run(tensor.numpy())[0]}], [{"probabilities": scores}])
    recorder.save()


def probabilities(net: Net, output: Any) -> np.ndarray:
    """[classes] of a net's output for one picture; Ultralytics' nets answer probabilities, and logits beside them."""
    if net.activation == "none":
        return output[0][0].numpy()
    return (output.sigmoid() if net.multi_label else output.softmax(1))[0].numpy()


def export(case: str, net: Net, model: torch.nn.Module, cache: Path) -> Path:
    """A graph with a batch of any size."""
    path = cache / f"{case}.onnx"
    if net.activation == "none":
        model.model[-1].export = True
    name = "pixel_values" if "hf" in case else "images"
    torch.onnx.export(
        model,
        (torch.zeros(1, 3, SIZE, SIZE),),
        str(path),
        opset_version=17,
        input_names=[name],
        output_names=["logits"],
        dynamic_axes={name: {0: "batch"}, "logits": {0: "batch"}},
        dynamo=False,
    )
    if net.activation == "none":
        model.model[-1].export = False
    return path
