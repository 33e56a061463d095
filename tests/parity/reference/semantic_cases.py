"""Semantic segmentation: SegFormer of Hugging Face, its image processor and its own way back to the picture's size.

Ultralytics' and torchvision's semantic nets answer in the same layout; their logits are of the input's size.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from transformers import SegformerConfig, SegformerForSemanticSegmentation
from transformers.models.segformer.image_processing_pil_segformer import SegformerImageProcessorPil

from tests.parity import golden, pictures
from tests.parity.drawing import LABELS
from tests.parity.reference import classifiers_cases, record, scenes
from tests.parity.reference.fit import cached, fit

CASE = "segformer"
SIZE, STEPS, BATCH, STRIDE = 96, 160, 8, 4
NAMES = ("ground", *LABELS)  # not called background: no pixel is then set to it for being unsure
MEAN, STD = classifiers_cases.IMAGENET["mean"], classifiers_cases.IMAGENET["std"]
SETTINGS = [{"confidence": 0.0}]


def run(cache: Path, only: str) -> Iterator[str]:
    """Train what is not in the cache, export, record. Yields the name of the case when it was written."""
    if only in (CASE, "all"):
        torch.manual_seed(0)
        net = build()
        cached(net, cache / f"{CASE}.pt", partial(train, net))
        record_case(net, cache)
        yield CASE


def build() -> SegformerForSemanticSegmentation:
    """A tenth of SegFormer-B0, with its four stages."""
    config = SegformerConfig(
        num_labels=len(NAMES),
        depths=[1, 1, 1, 1],
        hidden_sizes=[16, 24, 40, 64],
        num_attention_heads=[1, 1, 2, 4],
        decoder_hidden_size=48,
        attn_implementation="eager",
    )
    return SegformerForSemanticSegmentation(config)


def train(net: SegformerForSemanticSegmentation) -> None:
    """Cross-entropy at the size of the net's own maps."""
    stream = scenes.batches(scenes.pool(300, SIZE, stretch=True), BATCH, seed=0)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, STD))

    def loss(step: int) -> torch.Tensor:
        del step
        batch = next(stream)
        logits = net(pixel_values=(scenes.pixels(batch) - mean) / std).logits
        return torch.nn.functional.cross_entropy(logits, truth(batch))

    fit(net, STEPS, 2e-3, loss)


def truth(batch: list[scenes.Sample]) -> torch.Tensor:
    """[B, h, w] 0 for ground, else the label and one."""
    numbers = scenes.numbered_masks(batch, SIZE // STRIDE).long()
    tables = [torch.from_numpy(np.concatenate([[0], sample.labels.astype(np.int64) + 1])) for sample in batch]
    return torch.stack([table[plane] for table, plane in zip(tables, numbers, strict=True)])


def record_case(net: SegformerForSemanticSegmentation, cache: Path) -> None:
    graph = record.Graph(export(net, cache))
    processor = SegformerImageProcessorPil(size={"height": SIZE, "width": SIZE}, image_mean=MEAN, image_std=STD)
    manifest = {
        "task": "semantic-segmentation",
        "labels": list(NAMES),
        "input": {
            "width": SIZE,
            "height": SIZE,
            "resize": "stretch",
            "interpolation": "antialias-linear",
            "channels": "rgb",
            "scale": 1 / 255,
            "mean": MEAN,
            "std": STD,
        },
    }
    version = importlib.metadata.version("transformers")
    reference = (
        f"transformers {version}: {type(processor).__name__}, {type(net).__name__}, post_process_semantic_segmentation"
    )
    recorder = record.recorder(CASE, reference, graph, manifest, SETTINGS)
    for picture in pictures.NAMES:
        image = classifiers_cases.read(picture)
        tensor = np.asarray(processor(image, return_tensors="np")["pixel_values"][0], np.float32)
        with torch.no_grad():
            logits = net(pixel_values=torch.from_numpy(tensor[None])).logits
        found = answer(processor, logits, image.size[::-1])
        top = float(found["confidences"].max())
        recorder.case.scale["probabilities"] = max(recorder.case.scale.get("probabilities", 0.0), round(top, 4))
        recorder.add(picture, tensor, [golden.dense(graph.run(tensor)[0])], [found])
    recorder.save()


def answer(processor: Any, logits: torch.Tensor, size: tuple[int, int]) -> golden.Arrays:
    """The class of each pixel, as a mask per class, and the probability at some places, which the processor keeps."""
    (classes,) = processor.post_process_semantic_segmentation(SimpleNamespace(logits=logits), target_sizes=[size])
    (whole,) = torch.nn.functional.interpolate(logits, size, mode="bilinear", align_corners=False).softmax(1)
    values = {"confidences": golden.places(whole.max(0).values.numpy())}
    masks = np.stack([classes.numpy() == i for i in range(len(NAMES))])
    golden.put(values, "class_masks", golden.pack_masks(masks))
    return values


def export(net: SegformerForSemanticSegmentation, cache: Path) -> Path:
    """A graph with a batch of any size."""
    path = cache / f"{CASE}.onnx"
    torch.onnx.export(
        classifiers_cases.Logits(net).eval(),  # torch puts back the mode of the whole, dropout with it
        (torch.zeros(1, 3, SIZE, SIZE),),
        str(path),
        opset_version=17,
        input_names=["pixel_values"],
        output_names=["logits"],
        dynamic_axes={"pixel_values": {0: "batch"}, "logits": {0: "batch"}},
        dynamo=False,
    )
    return path
